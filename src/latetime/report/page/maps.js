'use strict';
// Heat maps neuron × sample: what each activation comes to, ρ, and when it last switched.

const STATES = ['inactive', 'active', 'switching', 'undecided'];

/** "neuron 17" or "neurons 3, 8, 12 … (16)" of a class; numbers from 0. */
function bandText(band, word) {
  const sign = band.label > 0 ? '+1' : '−1';
  const shown = band.members.slice(0, 6).join(', ');
  const many = band.members.length > 6 ? ` … (${band.members.length})` : '';
  return `${word}${band.members.length > 1 ? 's' : ''} ${shown}${many} of class ${sign}`;
}

/** One row a cell: corners, and the texts of its tooltip; `more(cell)` adds what the map shows. */
function cellRows(maps, more) {
  const rows = [];
  const rowTexts = maps.rows.map((band) => bandText(band, 'neuron'));
  const columnTexts = maps.columns.map((band) => bandText(band, 'sample'));
  for (let r = 0, cell = 0; r < maps.rows.length; ++r) {
    for (let c = 0; c < maps.columns.length; ++c, ++cell) {
      rows.push({ x: c, x2: c + 1, y: r, y2: r + 1, neuron: rowTexts[r], sample: columnTexts[c], ...more(cell) });
    }
  }
  return rows;
}

/** Names of the classes in the middle of their rows or columns, which take `room` pixels together. */
function classAxis(bands, noun, room) {
  const plus = bands.filter((band) => band.label > 0).length;
  const parts = [[plus / 2, plus, '+1'], [(plus + bands.length) / 2, bands.length - plus, '−1']].filter((part) => part[1] > 0);
  const labels = parts.map(([at, count, name]) => {
    const pixels = (count / bands.length) * room;
    return `datum.value === ${at} ? '${pixels > 130 ? `${noun} of class ` : pixels > 60 ? 'class ' : ''}${name}'`;
  });
  return { plus, axis: { values: parts.map((part) => part[0]), grid: false, ticks: false, domain: false, labelPadding: 6,
                         labelExpr: labels.join(' : ') + " : ''", labelOverlap: false } };
}

const rectangle = (x, y) => ({ x, x2: { field: 'x2' }, y, y2: { field: 'y2' } });

function mapSpec(maps, rows, width, color, tooltip, opacity) {
  const columns = maps.columns.length, lines = maps.rows.length;
  const room = Math.max(120, width - 62);
  const across = columns <= room ? Math.floor(room / columns) * columns : room;
  const down = Math.max(1, Math.round(430 / lines)) * lines;
  const samples = classAxis(maps.columns, 'samples', across), neurons = classAxis(maps.rows, 'neurons', down);
  const x = { field: 'x', type: 'quantitative', title: null, scale: { domain: [0, columns], nice: false },
              axis: { ...samples.axis, orient: 'bottom' } };
  const y = { field: 'y', type: 'quantitative', title: null, scale: { domain: [lines, 0], nice: false },
              axis: { ...neurons.axis, labelAngle: -90, labelAlign: 'center', labelBaseline: 'bottom' } };
  const layer = [{
    name: 'cell', data: { values: rows }, mark: { type: 'rect', strokeWidth: 0, invalid: 'show' },
    encoding: { ...rectangle(x, y), color, ...(opacity || {}),
                tooltip: [{ field: 'neuron' }, { field: 'sample' }, ...tooltip] },
  }];
  const ink = theme().ink;
  const border = (channel, at) => layer.push({
    data: { values: [{ at }] }, mark: { type: 'rule', color: ink, strokeWidth: 1 },
    encoding: { [channel]: { ...(channel === 'x' ? x : y), field: 'at' } } });
  if (samples.plus > 0 && samples.plus < columns) border('x', samples.plus);
  if (neurons.plus > 0 && neurons.plus < lines) border('y', neurons.plus);
  return { width: across, height: down, padding: { top: 4, left: 2, right: 4, bottom: 2 }, layer,
           config: { ...vegaConfig(), view: { stroke: null } } };
}

function stateSpec(maps, width) {
  const mixed = maps.rows.length * maps.columns.length < maps.total.reduce((a, b) => a + b, 0);
  const rows = cellRows(maps, (cell) => {
    const counts = maps.counts.map((list) => list[cell]);
    const all = counts.reduce((a, b) => a + b, 0);
    const most = counts.indexOf(Math.max(...counts));
    const found = STATES.map((name, s) => (counts[s] ? (all > 1 ? `${counts[s]} ${name}` : name) : null));
    return { s: STATES[most], share: counts[most] / all, text: found.filter((one) => one).join(', ') };
  });
  const present = STATES.filter((name, s) => maps.total[s] > 0);
  const colors = theme().states;
  const color = { field: 's', type: 'nominal', title: null,
                  scale: { domain: present, range: present.map((name) => colors[STATES.indexOf(name)]) },
                  legend: { symbolType: 'square', symbolSize: 140, symbolStrokeWidth: 0, symbolOpacity: 1 } };
  const opacity = mixed ? { opacity: { field: 'share', type: 'quantitative', legend: null,
                                       scale: { domain: [0.25, 1], range: [0.3, 1] } } } : null;
  return mapSpec(maps, rows, width, color, [{ field: 'text', title: 'activation' }], opacity);
}

function rhoSpec(maps, width) {
  const range = maps.rho_least !== undefined;
  const rows = cellRows(maps, (cell) => ({
    v: maps.rho_mean[cell],
    text: range ? `mean ${amount(maps.rho_mean[cell], 4)}, ${amount(maps.rho_least[cell], 4)} to ${amount(maps.rho_most[cell], 4)}`
                : amount(maps.rho_mean[cell], 5),
  }));
  const most = maps.rho_mean.reduce((a, b) => Math.max(a, Math.abs(b)), 0) || 1;
  const color = { field: 'v', type: 'quantitative', title: 'ρ',
                  scale: { type: 'pow', exponent: 0.5, domain: [-most, -most / 4, 0, most / 4, most],
                           range: theme().signed, interpolate: 'lab' },
                  legend: gradient(width, [-most, 0, most]) };
  return mapSpec(maps, rows, width, color, [{ field: 'text', title: 'ρ' }]);
}

function gradient(width, values) {
  return { gradientLength: Math.min(220, width * 0.5), gradientThickness: 10, titleOrient: 'left', values,
           labelExpr: 'latetimeAmount(datum.value)', direction: 'horizontal' };
}

/** Four places of a legend over log10 t, closer together where times are early. */
function powerTicks([low, high]) {
  const ticks = [0, 0.3, 0.65, 1].map((share) => Math.round(low + (high - low) * share ** 2.5));
  return [...new Set(ticks)];
}

function switchSpec(maps, width) {
  const colors = theme();
  const rows = cellRows(maps, (cell) => {
    const at = maps.last_switch[cell];
    const never = maps.never[cell] ? `${maps.never[cell]} never` : '';
    return { v: at, text: at === null ? 'never' : [`by t = ${timeText(Number(at.toPrecision(4)))}`, never].filter((one) => one).join(', ') };
  });
  const found = rows.filter((row) => row.v !== null).map((row) => row.v);
  const low = found.reduce((a, b) => Math.min(a, b), Infinity), high = found.reduce((a, b) => Math.max(a, b), -Infinity);
  const domain = found.length ? (high > low ? [low, high] : [low - 1, high]) : [0, 1];
  const color = {
    condition: { test: 'datum.v === null', value: colors.states[0] },
    field: 'v', type: 'quantitative', title: 't', scale: { type: 'pow', exponent: 0.4, domain, scheme: colors.scheme, nice: false },
    legend: { ...gradient(width, powerTicks(domain)), labelExpr: 'latetimePower(datum.value)' },
  };
  return mapSpec(maps, rows, width, color, [{ field: 'text', title: 'last switch' }]);
}

/** What one row and one column stand for. */
function bandNote(maps) {
  const most = (bands) => Math.max(...bands.map((band) => band.members.length));
  const rows = most(maps.rows), columns = most(maps.columns);
  if (rows === 1 && columns === 1) return '';
  const of = [rows > 1 ? `a row is up to ${rows} like neurons` : '', columns > 1 ? `a column up to ${columns} samples` : ''];
  return ` To stay legible, ${of.filter((one) => one).join(', ')} of one class.`;
}

function mapFigures(run, prefix) {
  const maps = run.maps, origin = originOf(run), bands = bandNote(maps);
  const make = (id, title, note, build) => new Figure({
    id: prefix + id, title, note: note + bands, origin, build: (width) => build(maps, width) });
  const activation = maps.of_limit
    ? make('activation', 'Activations at t = ∞', 'Active for ever, inactive for ever, or switching for ever. Neurons are ordered by it.', stateSpec)
    : make('activation', 'Activations at the last record', (maps.counts_switches ? 'Switching: changed within the last decade of t.'
      : 'By the sign of the pre-activation alone: changes are not counted where steps take batches.') + ' Neurons are ordered by it.', stateSpec);
  const always = [
    activation,
    make('rho', 'Coefficients ρ at the last record', 'ρ̄ ≥ 0 of own-class pairs, ρ̲ ≤ 0 of the others; colours by the root of |ρ|.', rhoSpec),
  ];
  if (!maps.counts_switches) return always;
  return [...always,
    make('last-switch', 'Last switch', 'The record that first followed a pair’s last change of activation. Pairs that slide in the flow switch until its end; grey: never.', switchSpec),
  ];
}
