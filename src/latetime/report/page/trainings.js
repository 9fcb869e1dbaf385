'use strict';
// Trainings on image sets (latetime train): measures against steps.

const TRAINING_PLOTS = [
  { id: 'ranks', title: 'Stable ranks', yTitle: 'stable rank', logarithmic: true,
    note: '‖A‖²_F / ‖A‖²₂ of all hidden weights stacked, and of the groups of neurons.',
    curves: [['stable_rank_all', 'all weights'], ['group_rank_mean', 'mean of the groups'], ['group_rank_max', 'largest of the groups']] },
  { id: 'errors', title: 'Error', yTitle: 'share of the samples',
    note: 'A sample is wrong when its largest output is not that of its class.',
    curves: [['train_error', 'training'], ['test_error', 'test'], ['running_error', 'batches since the record before']] },
  { id: 'losses', title: 'Loss', yTitle: 'cross-entropy', logarithmic: true, note: 'Mean over the samples.',
    curves: [['loss', 'training'], ['test_loss', 'test'], ['running_loss', 'batches since the record before']] },
  { id: 'norm', title: 'Norm', yTitle: '‖W‖', logarithmic: true, note: 'Frobenius norm of all hidden weights.',
    curves: [['norm_w', '‖W‖']] },
  { id: 'margin', title: 'Smallest margin', yTitle: 'margin',
    note: 'Least difference, over the training samples, of the output of a sample’s class and the largest other one.',
    curves: [['min_margin', 'smallest margin']] },
];

function trainingRows(entry, plot) {
  const c = entry.columns;
  return plot.curves.flatMap(([column, label]) => c.step.map((step, r) => ({ step, y: c[column][r], r }))
      .filter(({ step, y }) => step > 0 && y !== null && !(plot.logarithmic && y <= 0))
      .map(({ step, y, r }) => ({ x: step, y, s: label, t: `step ${amount(step, 10)}, epoch ${amount(c.epoch[r], 5)}`, v: amount(y, 7) })));
}

function trainingFigures(entry, prefix) {
  return TRAINING_PLOTS.filter((plot) => trainingRows(entry, plot).length).map((plot) => new Figure({
    id: prefix + plot.id, title: plot.title, note: plot.note, origin: `${entry.command}\n\n# ${entry.folder}/config.toml\n${entry.config}`,
    build: (width, values, figure) => stepSpec(trainingRows(entry, plot), {
      inSteps: true, yTitle: plot.yTitle, logarithmic: plot.logarithmic,
      color: (series) => ({
        field: 's', type: 'nominal', title: null, scale: { domain: series, range: theme().series.slice(0, series.length) },
        legend: series.length > 1 ? { symbolType: 'stroke', symbolStrokeWidth: 3, symbolOpacity: 1, title: null,
                                      columns: Math.max(1, Math.floor(width / 190)) } : null }),
    }, width, figure),
    read: readCurve,
  }));
}

const TRAINING_FACTS = [
  ['step, epoch', (c, r) => `${c.step[r]}, ${amount(c.epoch[r], 5)}`],
  ['error: training, test', (c, r) => `${percent(c.train_error[r])}, ${percent(c.test_error[r])}`],
  ['loss: training, test', (c, r) => `${amount(c.loss[r])}, ${amount(c.test_loss[r])}`],
  ['stable rank of all weights', (c, r) => amount(c.stable_rank_all[r])],
  ['… of the groups: mean, largest', (c, r) => `${amount(c.group_rank_mean[r])}, ${amount(c.group_rank_max[r])}`],
  ['known to (relative)', (c, r) => amount(c.stable_rank_proved_error[r], 2)],
];

function percent(share) {
  return share === null ? '–' : amount(100 * share, 4) + ' %';
}

/** First and last record side by side. */
function trainingTable(entry) {
  const c = entry.columns, end = c.step.length - 1;
  const rows = TRAINING_FACTS.map(([name, text]) => element('tr', {}, element('th', { scope: 'row' }, name),
      element('td', {}, text(c, 0)), element('td', {}, text(c, end))));
  const head = element('tr', {}, ...['', 'at the start', 'at the end'].map((one) => element('th', { scope: 'col' }, one)));
  return element('div', { class: 'card scroll', tabindex: 0, role: 'region', 'aria-label': 'Start and end' },
      element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)));
}

function trainingSections(page) {
  report.trainings.forEach((entry, k) => {
    page.append(element('h2', {}, `Training: ${entry.name}`), trainingTable(entry),
        entry.no_test ? element('p', { class: 'note' }, `Loss and error on test images are not measured: ${entry.no_test}.`) : '',
        element('p', { class: 'note' }, `${entry.message} ${entry.machine}; kernel ${entry.kernel}; version ${entry.version}.`));
    if (!entry.columns.step.some((step) => step > 0)) {
      page.append(element('p', { class: 'note' }, 'No plots: the only record is that of the start.'));
    }
    page.append(grid(...trainingFigures(entry, `training${k + 1}-`).map((figure) => figure.card)));
  });
}
