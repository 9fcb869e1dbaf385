'use strict';
// Quantities against time: curves with their limits, error bands, engines, hand-overs and events.

/** The place of a time on the chosen axis: log10 t, or log t itself on a logarithmic axis. */
function place(log10t) {
  if (log10t === null || !Number.isFinite(log10t)) return null;
  if (choice.time === 't') return log10t;
  const log = log10t * Math.LN10;
  return log >= 0.5 ? log : null;
}

function timeAxis(domain) {
  const plain = choice.time === 't';
  return {
    field: 'x', type: 'quantitative',
    title: plain ? 't (steps)' : 'log t, on a logarithmic axis',
    scale: plain ? { domain, nice: false, zero: false } : { type: 'log', domain, nice: false },
    axis: plain ? { ...exponentAxis(domain), grid: false }
                : { labelExpr: 'latetimeAmount(datum.value)', values: logTicks(domain), grid: false },
  };
}

function originOf(run) {
  return `${run.command}\n\n# ${run.folder}/config.toml\n${run.config}`;
}

/** The rows of one curve. Its band is the error estimate, where the quantity has one. */
function curveRows(run, quantity, label, logarithmic) {
  const { columns, engine } = run.records;
  const rows = [];
  (columns[quantity.column] || []).forEach((raw, r) => {
    const x = place(columns.log10_t[r]);
    if (x === null || raw === null || (quantity.engine && engine[r] !== quantity.engine)) return;
    const y = quantity.map ? quantity.map(raw) : raw;
    if (!Number.isFinite(y) || (logarithmic && y <= 0)) return;
    const error = quantity.banded ? columns.error_estimate[r] : 0;
    const row = { x, y, s: label, i: r, t: timeText(columns.log10_t[r]), v: amount(y, 8), g: engine[r] };
    if (quantity.band) [row.lo, row.hi] = quantity.band.map((name) => columns[name][r]);
    if (quantity.banded) row.e = error === null ? 'none' : amount(error, 3);
    if (error) {
      const half = quantity.scale ? error * quantity.scale : error;
      row.lo = logarithmic ? Math.max(y - half, y * 1e-3) : y - half;
      row.hi = y + half;
    }
    rows.push(row);
  });
  return rows;
}

const hasLimit = (run) => Boolean(run.limit) && run.limit.status === 'found';

/** What the curve comes near to: its limit, or the asymptote that the limit gives it. */
function limitRows(run, quantity, label, domain, logarithmic, least) {
  const limit = run.limit;
  if (!hasLimit(run) || !quantity.limit) return [];
  const rows = [];
  const points = 60;
  for (let k = 0; k <= points; ++k) {
    const share = k / points;
    const x = choice.time === 't' ? domain[0] + share * (domain[1] - domain[0])
                                  : domain[0] * (domain[1] / domain[0]) ** share;
    const log = choice.time === 't' ? x * Math.LN10 : x;
    const y = quantity.limit(limit, log);
    if (y === null || !Number.isFinite(y) || (logarithmic && y < least)) continue;
    rows.push({ x, y, s: label, v: amount(y, 8) });
  }
  return rows;
}

/** Parts of time that one engine covered. */
function engineRows(run) {
  const { columns, engine } = run.records;
  const rows = [];
  engine.forEach((name, r) => {
    const x = place(columns.log10_t[r]);
    if (x === null) return;
    const last = rows[rows.length - 1];
    if (last && last.g === name) {
      last.x2 = x;
      last.to = timeText(columns.log10_t[r]);
    } else {
      rows.push({ x: last ? last.x2 : x, x2: x, g: name, to: timeText(columns.log10_t[r]) });
    }
  });
  return rows;
}

/** Where the late-time flow took over. */
function handOverRows(run) {
  const r = run.records.engine.indexOf('flow');
  if (r <= 0) return [];
  const x = place(run.records.columns.log10_t[r]);
  return x === null ? [] : [{ x, t: timeText(run.records.columns.log10_t[r]), s: run.name }];
}

/** Times from which on an event was too close to call. */
function undecidedRows(run, domain) {
  const r = run.records.columns.error_estimate.findIndex((e, i) => e === null && i > 0);
  if (r < 0) return [];
  const x = place(run.records.columns.log10_t[r]);
  return x === null ? [] : [{ x, x2: domain[1], text: last(run, 'undecided_events') > 0 ? 'no bound on the error: an event was too close to call' : 'no bound on the error: steps amplify rounding' }];
}

/** Records since whose predecessors something happened to the activations. */
function eventRows(run) {
  const c = run.records.columns;
  const rows = [];
  const change = (name, r, words) => {
    const before = c[name][r - 1], now = c[name][r];
    if (before === null || now === null || before === now) return null;
    return words(before, now);
  };
  for (let r = 1; r < c.log10_t.length; ++r) {
    const x = place(c.log10_t[r]);
    if (x === null) continue;
    const text = [
      change('own_switches', r, (a, b) => `${b - a} own-class switches`),
      change('sliding_pairs', r, (a, b) => `sliding pairs ${a} → ${b}`),
      change('undecided_events', r, (a, b) => `${b - a} undecided events`),
      run.records.engine[r] === 'flow'
        ? change('active_own_min', r, (a, b) => `least |S| ${a} → ${b}`) ||
          change('active_own_max', r, (a, b) => `largest |S| ${a} → ${b}`)
        : null,
    ].filter((one) => one);
    if (text.length) {
      rows.push({ x, text: text.join(', '), t: `${timeText(c.log10_t[r - 1])} to ${timeText(c.log10_t[r])}` });
    }
  }
  return rows;
}

/** Ends of a linear axis that holds these rows. */
function linearDomain(rows) {
  if (!rows.length) return [0, 1];
  const least = rows.reduce((a, row) => Math.min(a, row.y), Infinity);
  const most = rows.reduce((a, row) => Math.max(a, row.y), -Infinity);
  return most > least ? [least, most] : [least - 0.5 * Math.abs(least), most + (0.5 * Math.abs(most) || 1)];
}

/** Ends of a logarithmic axis that holds these rows with a little room. */
function logDomain(rows) {
  const least = rows.reduce((a, row) => Math.min(a, row.y), Infinity);
  const most = rows.reduce((a, row) => Math.max(a, row.y), 0);
  if (!(most > 0)) return [0.1, 1];
  const room = Math.max((most / least) ** 0.04, 1.02);
  return [least / room, most * room];
}

/** The series of a figure: all quantities of one run, or one quantity of several runs. */
function seriesOf(plot, values) {
  if (report.runs.length === 1) {
    return plot.quantities.map((quantity, k) => ({ run: report.runs[0], quantity, label: quantity.label, color: k }));
  }
  const quantity = plot.quantities.find((one) => one.column === values.quantity) || plot.quantities[0];
  return report.runs.map((run, k) => ({ run, quantity, label: runLabel(run, k), color: k }));
}

/** Names of runs in legends; numbered where two are alike. */
function runLabel(run, k) {
  const alike = report.runs.filter((one) => one.name === run.name).length > 1;
  return alike ? `${k + 1}: ${run.name}` : run.name;
}

function timeDomain(runs) {
  const xs = runs.flatMap((run) => run.records.columns.log10_t.map(place)).filter((x) => x !== null);
  if (!xs.length) return [1, 10];
  const low = xs.reduce((a, b) => Math.min(a, b)), high = xs.reduce((a, b) => Math.max(a, b));
  return high > low ? [low, high] : [low, low + 1];
}

function curveSpec(plot, width, values, figure) {
  const colors = theme();
  const series = seriesOf(plot, values);
  const logarithmic = plot.scale === 'log' || (plot.scale === 'log-in-log' && choice.time === 'log');
  const runs = [...new Set(series.map((one) => one.run))];
  const domain = timeDomain(runs);
  const mapped = (q) => (plot.inLog && choice.time === 'log' ? { ...q, ...plot.inLog } : q);
  const rows = series.flatMap((one) => curveRows(one.run, mapped(one.quantity), one.label, logarithmic));
  const least = rows.reduce((a, row) => Math.min(a, row.y), Infinity) / 100;
  const limits = series.flatMap((one) =>
    limitRows(one.run, mapped(one.quantity), one.label, domain, logarithmic, least));
  const proved = series.flatMap((one) => provedRows(one.run, mapped(one.quantity), one.label, logarithmic));
  figure.rows = rows;
  figure.series = series.map((one) => one.label);
  const single = runs.length === 1;
  const color = {
    field: 's', type: 'nominal', title: null,
    scale: { domain: series.map((one) => one.label),
             range: series.map((one) => colors.series[one.color % colors.series.length]) },
    legend: series.length > 1
      ? { symbolType: 'stroke', symbolStrokeWidth: 3, symbolOpacity: 1, symbolSize: 200, title: null,
          columns: Math.max(1, Math.floor(width / 150)) }
      : null,
  };
  const x = timeAxis(domain);
  const title = choice.time === 'log' && plot.inLog ? plot.inLog.yTitle : plot.yTitle;
  const decades = plot.decades && !logarithmic;
  const span = linearDomain([...rows, ...limits]);
  const y = logarithmic ? logAxis(logDomain([...rows, ...limits]), title) : {
    field: 'y', type: 'quantitative', title, scale: { zero: false, nice: !decades, domain: span },
    axis: decades ? exponentAxis(span)
                  : { tickCount: 6, labelExpr: 'latetimeAmount(datum.value)' },
  };
  const layers = [];
  const undecided = runs.flatMap((run) => undecidedRows(run, domain));
  if (undecided.length) {
    layers.push({ data: { values: undecided }, mark: { type: 'rect', color: colors.faint, opacity: 0.35 },
                  encoding: { x, x2: { field: 'x2' }, tooltip: { field: 'text', title: 'undecided' } } });
  }
  const banded = rows.filter((row) => row.hi !== undefined);
  if (banded.length) {
    layers.push({ data: { values: banded }, mark: { type: 'area', opacity: 0.22, clip: true },
                  encoding: { x, y: { ...y, field: 'lo' }, y2: { field: 'hi' }, color } });
  }
  layers.push(...provedLayers(proved, x, y, color));
  if (single) layers.push(...engineLayers(runs[0], x, colors));
  layers.push(...handOverLayers(runs.flatMap(handOverRows), x, colors, single, color));
  if (limits.length) {
    layers.push({ name: 'limit', data: { values: limits },
                  mark: { type: 'line', strokeDash: [5, 4], strokeWidth: 1.4, opacity: 0.9, clip: true },
                  encoding: { x, y, color } });
  }
  layers.push({ name: 'curve', data: { values: rows }, mark: { type: 'line', strokeWidth: 2, clip: true },
                encoding: { x, y, color } }, ...dotLayers(rows, x, y, color));
  if (single) layers.push(...eventLayers(runs[0], x, colors));
  layers.push(...cursorLayers(x, y, color, colors));
  return {
    width, height: 290, autosize: { type: 'fit', contains: 'padding' },
    padding: { top: 6, left: 2, right: 10, bottom: 4 }, layer: layers,
    resolve: { legend: { color: 'shared' } },
  };
}

/** Dots where a curve has one record alone: a line through it would not be seen. */
function dotLayers(rows, x, y, color) {
  const counts = new Map();
  for (const row of rows) counts.set(row.s, (counts.get(row.s) || 0) + 1);
  const single = rows.filter((row) => counts.get(row.s) === 1);
  if (!single.length) return [];
  return [{ name: 'dot', data: { values: single }, mark: { type: 'point', filled: true, size: 70, opacity: 1 },
            encoding: { x, y, color } }];
}

function engineLayers(run, x, colors) {
  const names = Object.keys(colors.engines);
  return [{
    name: 'engine', data: { values: engineRows(run) },
    mark: { type: 'rect', clip: false },
    encoding: {
      x, x2: { field: 'x2' }, y: { value: -7 }, y2: { value: -2 },
      fill: { field: 'g', type: 'nominal', legend: null,
              scale: { domain: names, range: names.map((name) => colors.engines[name]) } },
      tooltip: [{ field: 'g', title: 'engine' }, { field: 'to', title: 'until t =' }],
    },
  }];
}

function handOverLayers(rows, x, colors, single, color) {
  if (!rows.length) return [];
  const tooltip = [{ field: 's', title: 'run' }, { field: 't', title: 'flow takes over at t =' }];
  const ink = single ? { value: colors.muted } : color;
  return [{ name: 'hand_over', data: { values: rows }, mark: { type: 'rule', strokeDash: [1, 3], strokeWidth: 1.5 },
            encoding: { x, color: ink, tooltip } }];
}

function eventLayers(run, x, colors) {
  const rows = eventRows(run);
  if (!rows.length) return [];
  return [{
    name: 'event', data: { values: rows },
    mark: { type: 'point', shape: 'triangle-up', size: 34, filled: true, color: colors.muted, opacity: 0.75 },
    encoding: { x, y: { value: 'height' }, yOffset: { value: -5 },
                tooltip: [{ field: 'text', title: 'events' }, { field: 't', title: 'between t =' }] },
  }];
}

const norm = (limit) => Math.min(...limit.margins) / limit.normalized_margin;

// Column, name, and place in the arrays of /limit of each set of weights.
const RANKS = [['all', 'W (both)', 2], ['pos', 'W₊', 0], ['neg', 'W₋', 1]];

const CURVES = [
  { id: 'stable-ranks', title: 'Stable ranks', yTitle: 'stable rank', scale: 'log',
    quantities: RANKS.map(([part, label, k]) => ({
      column: 'stable_rank_' + part, label, banded: true, limit: (limit) => limit.stable_rank[k] })) },
  { id: 'stable-rank-excess', title: 'Stable rank − 1', yTitle: 'stable rank − 1', scale: 'log',
    quantities: RANKS.map(([part, label, k]) => ({
      column: 'stable_rank_excess_' + part, label, banded: true,
      limit: (limit) => limit.stable_rank_excess[k] })) },
  { id: 'loss', title: 'Training loss', yTitle: 'L', scale: 'log-in-log', decades: true,
    inLog: { yTitle: 'log(1/L)', map: (log) => -log, scale: 1,
             limit: (limit, log) => log - Math.log(limit.loss_constant) },
    quantities: [{ column: 'log_loss', label: 'loss', banded: true, scale: Math.LOG10E,
                   map: (log) => log * Math.LOG10E,
                   limit: (limit, log) => (Math.log(limit.loss_constant) - log) * Math.LOG10E }] },
  { id: 'normalized-margin', title: 'Normalised margin', yTitle: 'min yᵢ f(xᵢ) / ‖W‖', scale: 'linear',
    quantities: [{ column: 'normalized_margin', label: 'normalised margin',
                   limit: (limit) => limit.normalized_margin }] },
  { id: 'smallest-margin', title: 'Smallest margin', yTitle: 'min yᵢ f(xᵢ)', scale: 'log-in-log',
    quantities: [{ column: 'min_margin', label: 'smallest margin', limit: (limit, log) => log }] },
  { id: 'norms', title: 'Norms', yTitle: 'norm', scale: 'log',
    quantities: [
      { column: 'norm_w', label: '‖W‖ (Frobenius)', limit: (limit, log) => norm(limit) * log },
      { column: 'neuron_norm_max', label: 'largest ‖w‖' },
      { column: 'neuron_norm_mean', label: 'mean ‖w‖' },
      { column: 'neuron_norm_min', label: 'smallest ‖w‖' }] },
  { id: 'kkt', title: 'KKT residual', yTitle: 'residual', scale: 'log',
    quantities: [
      { column: 'kkt_residual', label: 'residual' },
      { column: 'kkt_stationarity', label: 'stationarity' },
      { column: 'kkt_complementarity', label: 'complementarity' }] },
  { id: 'switching', title: 'Pairs that switch', yTitle: 'pairs', scale: 'linear',
    quantities: [
      { column: 'switching_pairs', label: 'switched within a decade' },
      { column: 'sliding_pairs', label: 'sliding in the flow', engine: 'flow' }] },
  // Of runs that measure errors; nothing is said of it where none does.
  { id: 'errors', title: 'Errors', yTitle: 'share of samples', scale: 'linear', ifMeasured: true,
    quantities: [
      { column: 'population_error', label: 'population', band: ['population_error_low', 'population_error_high'],
        limit: (limit) => errorLimit(limit, 'population_error') },
      { column: 'test_error', label: 'test samples', limit: (limit) => errorLimit(limit, 'test_error') },
      { column: 'train_error', label: 'training, labels as given', limit: (limit) => errorLimit(limit, 'train_error') },
      { column: 'train_error_clean', label: 'training, clean labels', limit: (limit) => errorLimit(limit, 'train_error_clean') }] },
];

const errorLimit = (limit, name) => (limit.errors ? limit.errors[name] : null);

/** What a plot shows; `dashed`, of its limit, is said where there is one. */
const CURVE_NOTES = {
  'stable-ranks': '‖A‖²_F / ‖A‖²₂ of the weights of class +1, of class −1, and of all.',
  'stable-rank-excess': 'With its own digits however small. In log t, a rate 1/log t is a straight line of slope −1.',
  loss: 'Mean loss of the samples.',
  'normalized-margin': 'Smallest margin over ‖W‖, the Frobenius norm of all weights.',
  'smallest-margin': 'The least of yᵢ f(xᵢ) over the samples.',
  norms: 'Of all weights together, and of single neurons.',
  kkt: 'Distance from a KKT point of the max-margin problem, the larger of two parts; goes to 0.',
  errors: 'Shares of samples whose label is not the sign of f. Shaded: the interval in which the population error lies.',
  switching: '(neuron, sample) pairs whose activation changed within the last decade of t, counted where every step is taken; then those held at 0 by the flow.',
};

const DASHED_NOTES = {
  loss: 'Dashed: (1/n) Σ λᵢ / t, from the limit.',
  'normalized-margin': 'Dashed: the margin of the limit.',
  'smallest-margin': 'Dashed: log t, which every support sample’s margin follows.',
  norms: 'Dashed: ‖V‖ log t, from the limit V.',
};

function curveNote(plot) {
  const dashed = report.runs.some(hasLimit) ? DASHED_NOTES[plot.id] : null;
  return [CURVE_NOTES[plot.id], dashed].filter((one) => one).join(' ');
}

/** Whether any run has a value of any of a plot's quantities at a time later than 0. */
function hasValues(plot) {
  return report.runs.some((run) => plot.quantities.some((quantity) => {
    const { columns, engine } = run.records;
    return (columns[quantity.column] || []).some((value, r) => value !== null && columns.log10_t[r] !== null &&
      (!quantity.engine || engine[r] === quantity.engine));
  }));
}

/** Titles of the plots that would be empty, with the reason where it is known. */
function emptyCurves() {
  const uncounted = report.runs.every((run) => !run.maps.counts_switches);
  return CURVES.filter((plot) => !hasValues(plot) && !plot.ifMeasured).map((plot) => plot.title +
    (plot.id === 'switching' && uncounted ? ' (not counted where steps take batches)' : ''));
}

/** One figure of each quantity, all runs in it. */
function curveFigures() {
  const origin = report.runs.map(originOf).join('\n\n');
  return CURVES.filter(hasValues).map((plot) => new Figure({
    id: plot.id, title: plot.title, note: curveNote(plot), origin,
    choices: report.runs.length > 1 && plot.quantities.length > 1
      ? [{ name: 'quantity', label: 'Show',
           options: plot.quantities.map((q) => ({ value: q.column, label: q.label })) }]
      : [],
    build: (width, values, figure) => curveSpec(plot, width, values, figure),
    read: readCurve,
  }));
}
