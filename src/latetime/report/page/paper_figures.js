'use strict';
// Figures 1 to 5 of the paper: a curve a variant, mean ± 3 standard deviations over the seeds.

/** What is plotted of a table; `fall`: from the first step on, on a logarithmic axis of steps. */
const PAPER_PLOTS = {
  slope: [
    { quantity: 'stable_rank_pos', title: 'Stable rank of W₊', yTitle: 'stable rank', floor: 1 },
    { quantity: 'stable_rank_neg', title: 'Stable rank of W₋', yTitle: 'stable rank', floor: 1 },
    { quantity: 'stable_rank_all', title: 'Stable rank of W', yTitle: 'stable rank', floor: 1 },
    { quantity: 'loss', title: 'Training loss', yTitle: 'L', floor: 0 },
  ],
  images: [
    { quantity: 'stable_rank_all', title: 'Stable rank of W', yTitle: 'stable rank', floor: 1 },
    { quantity: 'test_error', title: 'Test error', yTitle: 'share of the test images', floor: 0 },
    { quantity: 'stable_rank_all', title: 'Stable rank of W from the first step on', yTitle: 'stable rank', floor: 1, fall: true },
    { quantity: 'group_stable_rank', title: 'Stable rank within a group of neurons, mean of the groups', yTitle: 'stable rank', floor: 1, fall: true },
    { quantity: 'running_loss', title: 'Training loss over the batches since the record before', yTitle: 'loss', floor: 0 },
  ],
};

const VARIANTS = { slope: 'slope γ', init_std: 'initial std σ₀', width: 'width m' };

/** The column that tells the curves of a table apart. */
function variantOf(entry) {
  if (entry.columns.slope) return 'slope';
  return new Set(entry.columns.width).size > 1 ? 'width' : 'init_std';
}

function paperRows(entry, plot) {
  const c = entry.columns, variant = variantOf(entry), place = c[plot.fall ? 'step' : 'epoch'];
  const means = c[plot.quantity + '_mean'], deviations = c[plot.quantity + '_std'];
  const rows = [];
  means.forEach((mean, r) => {
    const shown = plot.fall ? place[r] > 0 : Number.isInteger(place[r]);
    if (mean === null || !shown || mean <= 0) return;
    const three = 3 * deviations[r];
    rows.push({
      x: place[r], y: mean, s: `${variant === 'slope' ? 'slope ' : ''}${amount(c[variant][r])}`, t: `${plot.fall ? 'step' : 'epoch'} ${amount(place[r])}`,
      lo: Math.max(mean - three, plot.floor, mean * 0.05), hi: mean + three,
      v: `${amount(mean, 5)} ± ${amount(three, 2)}`,
    });
  });
  return rows;
}

function paperSpec(entry, plot, width, figure) {
  const legend = { symbolType: 'stroke', symbolStrokeWidth: 3, symbolOpacity: 1, titleOrient: 'left',
                   labelExpr: "replace(datum.label, 'slope ', '')",
                   columns: Math.max(3, Math.floor((width - 60) / 58)) };
  return stepSpec(paperRows(entry, plot), {
    inSteps: plot.fall, yTitle: plot.yTitle, logarithmic: true, banded: true,
    color: (series) => ({ field: 's', type: 'ordinal', title: VARIANTS[variantOf(entry)], legend,
                          scale: { domain: series, scheme: theme().scheme } }),
  }, width, figure);
}

/**
 * Curves against epochs, or against steps on a logarithmic axis. rows: {x, y, s, t, v} and of a band lo, hi;
 * about: {inSteps, yTitle, logarithmic, banded, color: (series) => encoding}.
 */
function stepSpec(rows, about, width, figure) {
  figure.rows = rows;
  figure.series = [...new Set(rows.map((row) => row.s))];
  const xs = rows.map((row) => row.x);
  const domain = [xs.reduce((a, b) => Math.min(a, b), Infinity), xs.reduce((a, b) => Math.max(a, b), 0)];
  if (!xs.length) domain.splice(0, 2, 1, 2);
  if (domain[0] === domain[1]) domain[1] = domain[0] > 0 ? 2 * domain[0] : 1;
  const x = about.inSteps
    ? { field: 'x', type: 'quantitative', title: 'step', scale: { type: 'log', domain, nice: false },
        axis: { grid: false, values: logTicks(domain), labelExpr: 'latetimeAmount(datum.value)' } }
    : { field: 'x', type: 'quantitative', title: 'epoch', scale: { domain, nice: false },
        axis: { grid: false, tickCount: 6, tickMinStep: 1 } };
  const ends = about.banded ? rows.flatMap((row) => [{ y: row.lo }, { y: row.hi }]) : rows;
  const y = about.logarithmic ? logAxis(logDomain(ends), about.yTitle) : {
    field: 'y', type: 'quantitative', title: about.yTitle, scale: { zero: false, nice: true, domain: linearDomain(ends) },
    axis: { tickCount: 6, labelExpr: 'latetimeAmount(datum.value)' },
  };
  const color = about.color(figure.series);
  return {
    width, height: 290, autosize: { type: 'fit', contains: 'padding' },
    padding: { top: 6, left: 2, right: 10, bottom: 4 },
    layer: [
      ...(about.banded ? [{ name: 'band', data: { values: rows }, mark: { type: 'area', opacity: 0.14, clip: true },
                            encoding: { x, y: { ...y, field: 'lo' }, y2: { field: 'hi' }, color } }] : []),
      { name: 'curve', data: { values: rows }, mark: { type: 'line', strokeWidth: 2, clip: true }, encoding: { x, y, color } },
      ...dotLayers(rows, x, y, color),
      ...cursorLayers(x, y, color, theme()),
    ],
  };
}

/** Plots of a table, without those that would show another one again: a single group is all of W. */
function paperFigures(entry, prefix) {
  const c = entry.columns;
  const oneGroup = c.group_stable_rank_mean && c.group_stable_rank_mean.every((rank, r) => rank === c.stable_rank_all_mean[r]);
  const plots = PAPER_PLOTS[c.slope ? 'slope' : 'images'].filter((plot) => !(oneGroup && plot.quantity === 'group_stable_rank'));
  return plots.map((plot) => new Figure({
    id: prefix + plot.quantity.replaceAll('_', '-') + (plot.fall ? '-early' : ''), title: plot.title,
    note: 'Mean and ± 3 standard deviations over the seeds.' +
      (c[plot.quantity + '_mean'].includes(0) ? ' Means of 0 have no place on a logarithmic axis.' : ''), origin: entry.config,
    build: (width, values, figure) => paperSpec(entry, plot, width, figure),
    read: readCurve,
  }));
}

function paperSections(page) {
  report.figures.forEach((entry, k) => {
    page.append(element('h2', {}, `${paperName(entry)} of Kou, Chen, Gu (NeurIPS 2023): ${entry.folder}`));
    for (const note of entry.notes) page.append(element('p', { class: 'note' }, note));
    page.append(grid(...paperFigures(entry, `${entry.figure}-${k + 1}-`).map((figure) => figure.card)));
  });
}

/** "Figure 2" of fig2. */
function paperName(entry) {
  return 'Figure ' + entry.figure.slice(3);
}
