'use strict';
// Figure 1 of the paper: stable ranks and loss against epochs, a curve a slope, mean ± 3 deviations.

const FIGURE1 = [
  { quantity: 'stable_rank_pos', title: 'Stable rank of W₊', yTitle: 'stable rank', floor: 1 },
  { quantity: 'stable_rank_neg', title: 'Stable rank of W₋', yTitle: 'stable rank', floor: 1 },
  { quantity: 'stable_rank_all', title: 'Stable rank of W', yTitle: 'stable rank', floor: 1 },
  { quantity: 'loss', title: 'Training loss', yTitle: 'L', floor: 0 },
];

function figure1Rows(entry, plot) {
  const c = entry.columns;
  const means = c[plot.quantity + '_mean'], deviations = c[plot.quantity + '_std'];
  return c.slope.map((slope, r) => ({
    slope, x: c.epoch[r], y: means[r], s: `slope ${slope}`, t: `epoch ${c.epoch[r]}`,
    lo: Math.max(means[r] - 3 * deviations[r], plot.floor, means[r] * 0.05), hi: means[r] + 3 * deviations[r],
    v: `${amount(means[r], 5)} ± ${amount(3 * deviations[r], 2)}`,
  }));
}

function figure1Spec(entry, plot, width, figure) {
  const rows = figure1Rows(entry, plot);
  figure.rows = rows;
  figure.series = [...new Set(rows.map((row) => row.s))];
  const x = { field: 'x', type: 'quantitative', title: 'epoch',
              scale: { domain: [Math.min(...rows.map((row) => row.x)), Math.max(...rows.map((row) => row.x))], nice: false }, axis: { grid: false, tickCount: 6 } };
  const y = logAxis(logDomain(rows.flatMap((row) => [{ y: row.lo }, { y: row.hi }])), plot.yTitle);
  const color = { field: 'slope', type: 'ordinal', title: 'slope γ', scale: { scheme: theme().scheme },
                  legend: { symbolType: 'stroke', symbolStrokeWidth: 3, symbolOpacity: 1, titleOrient: 'left',
                            columns: Math.max(3, Math.floor((width - 60) / 58)) } };
  return {
    width, height: 290, autosize: { type: 'fit', contains: 'padding' },
    padding: { top: 6, left: 2, right: 10, bottom: 4 },
    layer: [
      { name: 'band', data: { values: rows }, mark: { type: 'area', opacity: 0.14, clip: true },
        encoding: { x, y: { ...y, field: 'lo' }, y2: { field: 'hi' }, color } },
      { name: 'curve', data: { values: rows }, mark: { type: 'line', strokeWidth: 2, clip: true }, encoding: { x, y, color } },
      ...cursorLayers(x, y, color, theme()),
    ],
  };
}

function figure1Figures(entry, prefix) {
  return FIGURE1.map((plot) => new Figure({
    id: prefix + plot.quantity.replaceAll('_', '-'), title: plot.title,
    note: 'Mean and ± 3 standard deviations over the seeds.', origin: entry.config,
    build: (width, values, figure) => figure1Spec(entry, plot, width, figure),
    read: readCurve,
  }));
}
