'use strict';
// Sweeps: heat maps and families of lines over axes that the reader chooses, seeds as mean ± spread.

const ALL = '(mean of all)';

/** "network.slope" → "slope". */
function shortKey(key) {
  return key.slice(key.lastIndexOf('.') + 1);
}

/** The values of an axis, in the order of the points; of a refined one those of the finest grid. */
function axisValues(sweep, key) {
  const finest = sweep.refine && sweep.refine.values[key];
  return finest || [...new Set(sweep.columns[key])];
}

function valueText(value) {
  return typeof value === 'number' ? amount(value, 4) : String(value);
}

/** The command that makes a point again. */
function pointCommand(sweep, r) {
  const sets = [...sweep.axes, ...sweep.derived].map((key) => ` --set ${key}=${sweep.columns[key][r]}`);
  return sweep.command + sets.join('');
}

/** Points that agree with what the reader has fixed; axes in `free` are shown. */
function chosenPoints(sweep, values, free) {
  const fixed = sweep.axes.filter((key) => !free.includes(key) && values[key] !== ALL);
  return sweep.columns.outcome.map((word, r) => r)
      .filter((r) => fixed.every((key) => String(sweep.columns[key][r]) === values[key]));
}

/** Points of one place of the plot, put together: mean, standard deviation, and how they ended. */
function gathered(sweep, values, free) {
  const places = new Map();
  for (const r of chosenPoints(sweep, values, free)) {
    const at = free.map((key) => sweep.columns[key][r]);
    const name = JSON.stringify(at);
    if (!places.has(name)) places.set(name, { at, points: [] });
    places.get(name).points.push(r);
  }
  return [...places.values()].map(({ at, points }) => {
    const column = sweep.columns[values.quantity];
    const found = points.filter((r) => column[r] !== null);
    const mean = found.length ? found.reduce((sum, r) => sum + column[r], 0) / found.length : null;
    const squares = found.reduce((sum, r) => sum + (column[r] - mean) ** 2, 0);
    const spread = found.length > 1 ? Math.sqrt(squares / (found.length - 1)) : 0;
    const first = found.length ? found[0] : points[0];
    const ends = new Map();
    for (const r of points) ends.set(sweep.columns.outcome[r], (ends.get(sweep.columns.outcome[r]) || 0) + 1);
    return {
      at, mean, spread, place: free.map((key, i) => `${shortKey(key)} ${valueText(at[i])}`).join(', '),
      value: mean === null ? 'none' : found.length > 1 ? `${amount(mean, 5)} ± ${amount(spread, 2)} (${found.length} points)` : amount(mean, 6),
      ends: [...ends].map(([word, count]) => (points.length > 1 ? `${count} ${word}` : word)).join(', '),
      reason: sweep.columns.message[first] || '–', point: `${sweep.columns.point[first]}: ${pointCommand(sweep, first)}`,
    };
  });
}

const POINT_TIP = [{ field: 'place', title: 'at' }, { field: 'value', title: 'value' }, { field: 'ends', title: 'ended' },
                   { field: 'reason', title: 'reason' }, { field: 'point', title: 'point' }];

/** An axis of the values themselves, evenly spaced. */
function ordinalAxis(sweep, key, field) {
  return { field, type: 'ordinal', title: shortKey(key), sort: axisValues(sweep, key).map(valueText),
           axis: { labelAngle: field === 'x' ? -40 : 0, grid: false } };
}

function heatColor(rows, values, width) {
  const found = rows.filter((row) => row.mean !== null).map((row) => row.mean);
  const low = Math.min(...found), high = Math.max(...found);
  const domain = !found.length ? [0, 1] : high > low ? [low, high] : [low - 0.5, high + 0.5];
  return {
    condition: { test: 'datum.mean === null', value: theme().faint },
    field: 'mean', type: 'quantitative', title: values.quantity, scale: { domain, scheme: theme().scheme, nice: false },
    legend: gradient(width, [domain[0], (domain[0] + domain[1]) / 2, domain[1]]),
  };
}

/** Cells of the finest grid, row by row: what was made there, or the nearest that was, no farther than half a step of the
 * first grid; null beyond. */
function nearestCells(rows, columns, lines, reach) {
  const cells = Array.from({ length: lines }, () => Array(columns).fill(null));
  const away = Array.from({ length: lines }, () => Array(columns).fill(Infinity));
  const inOrder = [...rows].sort((a, b) => a.iy - b.iy || a.ix - b.ix);
  for (const row of inOrder) {
    for (let i = Math.max(0, row.iy - reach); i <= Math.min(lines - 1, row.iy + reach); ++i) {
      for (let k = Math.max(0, row.ix - reach); k <= Math.min(columns - 1, row.ix + reach); ++k) {
        const distance = (i - row.iy) ** 2 + (k - row.ix) ** 2;
        if (distance < away[i][k]) [away[i][k], cells[i][k]] = [distance, row];
      }
    }
  }
  return cells;
}

/** Sides between cells between which the quantity jumps, or of which one alone has it. */
function jumpEdges(cells, { tolerance, threshold }) {
  const jumps = (a, b) => (threshold === null ? Math.abs(a - b) > tolerance : (a >= threshold) !== (b >= threshold));
  const differ = (a, b) => a && b && ((a.mean === null) !== (b.mean === null) || (a.mean !== null && jumps(a.mean, b.mean)));
  const edges = [];
  cells.forEach((line, i) => line.forEach((cell, k) => {
    if (differ(cell, line[k + 1])) edges.push({ x0: k + 0.5, x1: k + 0.5, y0: i - 0.5, y1: i + 0.5 });
    if (cells[i + 1] && differ(cell, cells[i + 1][k])) edges.push({ x0: k - 0.5, x1: k + 0.5, y0: i + 0.5, y1: i + 0.5 });
  }));
  return edges;
}

/** An axis of the places of values among all of them. */
function placeAxis(values, key, field) {
  const every = Math.ceil(values.length / 12);
  const ticks = values.map((value, i) => i).filter((i) => i % every === 0);
  return { field, type: 'quantitative', title: shortKey(key), scale: { domain: [-0.5, values.length - 0.5], nice: false, zero: false },
           axis: { values: ticks, grid: false, labelAngle: field === 'x0' ? -40 : 0, labelExpr: `${JSON.stringify(values.map(valueText))}[datum.value]` } };
}

/** The map of a refined sweep: every cell of the finest grid, and a line where the quantity jumps. */
function refinedHeatSpec(sweep, values, width) {
  const across = axisValues(sweep, values.x), up = axisValues(sweep, values.y);
  const rows = gathered(sweep, values, [values.x, values.y])
      .map((cell) => ({ ...cell, ix: across.indexOf(cell.at[0]), iy: up.indexOf(cell.at[1]) }));
  const cells = nearestCells(rows, across.length, up.length, sweep.refine.reach);
  const boxes = [], lap = 0.03;  // boxes overlap, so that no seams show
  cells.forEach((line, i) => {
    for (let k = 0, end = 0; k < line.length; k = end) {
      for (end = k + 1; end < line.length && line[end] === line[k];) ++end;  // a box as wide as its point reaches
      if (line[k]) boxes.push({ ...line[k], x0: k - 0.5, x1: end - 0.5 + lap, y0: i - 0.5, y1: i + 0.5 + lap });
    }
  });
  const edges = values.quantity === sweep.refine.quantity ? jumpEdges(cells, sweep.refine) : [];
  const place = { x: placeAxis(across, values.x, 'x0'), x2: { field: 'x1' }, y: placeAxis(up, values.y, 'y0'), y2: { field: 'y1' } };
  return {
    width, height: Math.min(430, 150 + 12 * up.length), autosize: { type: 'fit', contains: 'padding' },
    padding: { top: 6, left: 2, right: 10, bottom: 4 },
    layer: [{ name: 'cell', data: { values: boxes }, mark: { type: 'rect', strokeWidth: 0, invalid: 'show' },
              encoding: { ...place, color: heatColor(rows, values, width), tooltip: POINT_TIP } },
            { name: 'boundary', data: { values: edges }, mark: { type: 'rule', strokeWidth: 1.6, color: '#d62728' }, encoding: place }],
  };
}

function heatSpec(sweep, values, width) {
  if (sweep.refine) return refinedHeatSpec(sweep, values, width);
  const free = [values.x, values.y];
  const rows = gathered(sweep, values, free).map((cell) => ({ ...cell, x: valueText(cell.at[0]), y: valueText(cell.at[1]) }));
  const color = heatColor(rows, values, width);
  const y = { ...ordinalAxis(sweep, values.y, 'y') };
  y.sort = [...y.sort].reverse();  // upwards, as in a diagram
  return {
    width, height: Math.min(430, 110 + 36 * axisValues(sweep, values.y).length), autosize: { type: 'fit', contains: 'padding' },
    padding: { top: 6, left: 2, right: 10, bottom: 4 },
    layer: [{ name: 'cell', data: { values: rows }, mark: { type: 'rect', strokeWidth: 0, invalid: 'show' },
              encoding: { x: ordinalAxis(sweep, values.x, 'x'), y, color, tooltip: POINT_TIP } }],
  };
}

/** How many entries of a legend fit beside one another, its title before them; in pixels of its font. */
function legendColumns(labels, title, width) {
  const letter = 7, symbol = 36;
  const longest = Math.max(...labels.map((label) => label.length));
  return Math.max(1, Math.floor((width - letter * title.length) / (letter * longest + symbol)));
}

function lineSpec(sweep, values, width) {
  const families = values.color === ALL ? [values.x] : [values.x, values.color];
  const numbers = axisValues(sweep, values.x).every((value) => typeof value === 'number');
  const rows = gathered(sweep, values, families).filter((row) => row.mean !== null).map((row) => ({
    ...row, x: numbers ? row.at[0] : valueText(row.at[0]), s: families.length > 1 ? valueText(row.at[1]) : 'all',
    lo: row.mean - row.spread, hi: row.mean + row.spread,
  }));
  const xs = rows.map((row) => row.x);
  const wide = numbers && Math.min(...xs) > 0 && Math.max(...xs) / Math.min(...xs) >= 50;
  const x = numbers
    ? { field: 'x', type: 'quantitative', title: shortKey(values.x), scale: { type: wide ? 'log' : 'linear', zero: false, nice: false },
        axis: { grid: false, labelExpr: 'latetimeAmount(datum.value)' } }
    : ordinalAxis(sweep, values.x, 'x');
  const y = { field: 'mean', type: 'quantitative', title: values.quantity, scale: { zero: false },
              axis: { tickCount: 6, labelExpr: 'latetimeAmount(datum.value)' } };
  const series = families.length > 1 ? axisValues(sweep, values.color).map(valueText) : ['all'];
  const color = { field: 's', type: 'ordinal', title: families.length > 1 ? shortKey(values.color) : null,
                  scale: { domain: series, scheme: theme().scheme },
                  legend: families.length > 1 ? { symbolType: 'stroke', symbolStrokeWidth: 3, symbolOpacity: 1, titleOrient: 'left',
                                                  columns: legendColumns(series, shortKey(values.color), width) } : null };
  return {
    width, height: 290, autosize: { type: 'fit', contains: 'padding' }, padding: { top: 2, left: 2, right: 10, bottom: 4 },
    layer: [
      { name: 'band', data: { values: rows }, mark: { type: 'area', opacity: 0.14 },
        encoding: { x, y: { ...y, field: 'lo' }, y2: { field: 'hi' }, color } },
      { name: 'curve', data: { values: rows }, mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y, color } },
      { name: 'dot', data: { values: rows }, mark: { type: 'point', filled: true, size: 70, opacity: 1 },
        encoding: { x, y, color, tooltip: POINT_TIP } },
    ],
  };
}

const asOption = (value, label) => ({ value: String(value), label: label || String(value) });

/** Selections of a plot: the quantity, the axes that are shown, and values of the others. */
function sweepChoices(sweep, shown) {
  const first = (key) => [asOption(key, shortKey(key)), ...sweep.axes.filter((one) => one !== key).map((one) => asOption(one, shortKey(one)))];
  const refined = sweep.refine ? [sweep.refine.quantity] : [];
  const best = [...refined, 'switching_fraction', 'limit_stable_rank_all', 'stable_rank_all', 'log_loss'].find((name) => sweep.quantities.includes(name));
  const quantities = [...new Set([best, ...sweep.quantities].filter((name) => name))];
  const rest = sweep.axes.filter((key) => axisValues(sweep, key).length > 1);
  return [
    { name: 'quantity', label: 'Quantity', options: quantities.map((name) => asOption(name)) },
    ...shown.map(({ name, label, key, optional }) => ({
      name, label, options: optional ? [...first(key), asOption(ALL, 'none')] : first(key),
    })),
    ...rest.map((key) => {
      const each = axisValues(sweep, key).map((value) => asOption(value, valueText(value)));
      const all = asOption(ALL, 'mean of all');
      return { name: key, label: shortKey(key), options: key === 'seed' ? [all, ...each] : [...each, all] };
    }),
  ];
}

/** Axes to begin with: those with most values that are no seeds. */
function leadingAxes(sweep) {
  const size = (key) => (key === 'seed' ? 0 : axisValues(sweep, key).length);
  return [...sweep.axes].sort((a, b) => size(b) - size(a));
}

function sweepFigures(sweep, prefix) {
  const [first, second] = leadingAxes(sweep);
  const origin = `latetime sweep ${sweep.folder}/sweep.toml\n\n${sweep.config}`;
  const note = 'Axes that are not shown have the value above, or are averaged over: mean ± standard deviation. ' +
    'The pointer on a mark names the point and the command that makes it again.' +
    (sweep.refine ? ` Points were made where ${sweep.refine.quantity} jumps: cells between them show the nearest one, and the line is where it jumps.` : '');
  const figure = (id, title, shown, spec) => new Figure({
    id: prefix + id, title, note, origin, choices: sweepChoices(sweep, shown),
    build: (width, values) => spec(sweep, values, width),
  });
  const lines = figure('lines', 'Lines', [{ name: 'x', label: 'Across', key: first },
    { name: 'color', label: 'A line a', key: second || first, optional: true }], lineSpec);
  if (!second) return [lines];
  return [figure('map', 'Map', [{ name: 'x', label: 'Across', key: first }, { name: 'y', label: 'Up', key: second }], heatSpec), lines];
}

function sweepSections(page) {
  report.sweeps.forEach((sweep, k) => {
    const ends = new Map();
    for (const word of sweep.columns.outcome) ends.set(word, (ends.get(word) || 0) + 1);
    const axes = sweep.axes.map((key) => `${key} (${axisValues(sweep, key).length} values)`).join(', ');
    page.append(element('h2', {}, `Sweep: ${sweep.name}`),
        element('p', { class: 'note' }, `${sweep.columns.outcome.length} points over ${axes}. ` +
          `Ended: ${[...ends].map(([word, count]) => `${count} ${word}`).join(', ')}.`),
        grid(...sweepFigures(sweep, `sweep${k + 1}-`).map((figure) => figure.card)));
  });
}
