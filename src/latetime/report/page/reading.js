'use strict';
// Reading values off curves: what lies next to the pointer, and what the arrow keys come to.

/** Layers of the cursor: a line at a time, and a dot on each curve. */
function cursorLayers(x, y, color, colors) {
  const data = { name: 'cursor', values: [] };
  return [
    { name: 'cursor_line', data, mark: { type: 'rule', color: colors.muted, strokeWidth: 1 }, encoding: { x } },
    { name: 'cursor_dot', data, mark: { type: 'point', filled: true, size: 55, opacity: 1, clip: true }, encoding: { x, y, color } },
  ];
}

/** Rows of each curve of a figure in order of x; `figure.rows` and `figure.series` are set. */
function curvesOf(figure) {
  if (figure.curvesFrom !== figure.rows) {
    figure.curvesFrom = figure.rows;
    const lists = new Map(figure.series.map((label) => [label, []]));
    for (const row of figure.rows) lists.get(row.s).push(row);
    figure.curves = [...lists.values()].filter((rows) => rows.length);
    for (const rows of figure.curves) rows.sort((a, b) => a.x - b.x);
    figure.stops = [...new Set(figure.rows.map((row) => row.x))].sort((a, b) => a - b);
  }
  return figure.curves;
}

/** The row whose x is nearest; rows ascend in x. */
function nearest(rows, x) {
  let low = 0, high = rows.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rows[middle].x < x) low = middle;
    else high = middle;
  }
  return Math.abs(rows[low].x - x) <= Math.abs(rows[high].x - x) ? rows[low] : rows[high];
}

/** Moves the cursor to the records nearest to x; the row of each curve that has one there. */
function moveCursor(figure, x) {
  const scale = figure.view.scale('x');
  const close = curvesOf(figure).map((rows) => nearest(rows, x));
  const best = close.reduce((a, b) => (Math.abs(b.x - x) < Math.abs(a.x - x) ? b : a));
  const found = close.filter((row) => Math.abs(scale(row.x) - scale(best.x)) <= 6);
  figure.view.data('cursor', found).run();
  return found;
}

/** The tooltip of these rows. */
function cursorTip(rows) {
  const tip = { t: rows[0].t };
  for (const row of rows) tip[row.s] = row.v;
  if (rows[0].e !== undefined) tip['error estimate'] = rows[0].e;
  if (rows[0].g !== undefined) tip.engine = rows[0].g;
  return tip;
}

/** Lets the pointer read: a tooltip of all curves next to it, unless it is on a mark with its own. */
function followPointer(figure) {
  const { view } = figure;
  const show = (event, value) => view.tooltip()({}, event, null, value);
  const leave = (event) => {
    view.data('cursor', []).run();
    show(event, null);
  };
  view.addEventListener('pointermove', (event, item) => {
    if (!curvesOf(figure).length) return;
    const box = figure.plot.querySelector('canvas').getBoundingClientRect();
    const [left, top] = view.origin();
    const x = event.clientX - box.left - left, y = event.clientY - box.top - top;
    const inside = x >= -4 && x <= view.scale('x').range()[1] + 4 && y >= -1 && y <= view.signal('height') + 1;
    if (item && item.tooltip) return;
    if (!inside) leave(event);
    else show(event, cursorTip(moveCursor(figure, view.scale('x').invert(x))));
  });
  figure.plot.querySelector('canvas').addEventListener('pointerleave', leave);
}

/** Steps the cursor of a figure; the text names every curve's value there. */
function readCurve(step, figure) {
  if (!curvesOf(figure).length) return '';
  const last = figure.stops.length - 1;
  const start = figure.cursor === null || figure.cursor === undefined ? (step > 0 ? -1 : last + 1) : figure.cursor;
  figure.cursor = Math.min(last, Math.max(0, start + step));
  const found = moveCursor(figure, figure.stops[figure.cursor]);
  return Object.entries(cursorTip(found)).map(([name, value]) => `${name}: ${value}`).join(', ');
}
