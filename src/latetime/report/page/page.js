'use strict';
// Puts the page together and answers the reader's choices.

function titleText() {
  const names = [...report.runs.map((run, k) => runLabel(run, k)), ...report.trainings.map((one) => one.name), ...report.figures.map(paperName), ...report.sweeps.map((one) => one.name)];
  return names.length ? names.join(' · ') : 'Latetime';
}

function selection(label, name, options, changed) {
  const select = element('select', { id: name, change: () => changed(select.value) },
      ...options.map(([value, text]) => element('option', { value }, text)));
  select.value = choice[name];
  return element('label', {}, label, select);
}

function applyAppearance() {
  document.documentElement.dataset.theme = themeName();
  const key = document.querySelector('.key');
  if (key) key.replaceWith(markKey());
  for (const figure of figures) figure.refresh();
}

/** Before the page is printed every plot is drawn, seen or not; Vega does so without giving the browser a turn. */
function goOnPaper(on) {
  choice.onPaper = on;
  applyAppearance();
  if (on) for (const figure of figures) if (figure.stale) figure.draw();
}

function header() {
  const controls = [];
  if (report.runs.length) {
    controls.push(selection('Time axis', 'time', [['t', 't, logarithmic'], ['log', 'log t, logarithmic']], (value) => {
      choice.time = value;
      for (const figure of figures) figure.refresh();
    }));
  }
  controls.push(selection('Appearance', 'appearance', [['system', 'as the system'], ['light', 'light'], ['dark', 'dark']], (value) => {
    choice.appearance = value;
    try { localStorage.setItem('latetime-appearance', value); } catch { /* no storage */ }
    applyAppearance();
  }));
  document.getElementById('top').append(element('h1', {}, titleText()), ...controls);
}

function grid(...cards) {
  return element('div', { class: 'grid' }, ...cards);
}

function runSections(page) {
  const several = report.runs.length > 1;
  page.append(element('h2', {}, 'In words'), grid(...report.runs.map(summarySection)));
  page.append(element('h2', {}, several ? 'Side by side' : 'In numbers'), factsTable());
  page.append(element('h2', {}, 'Proved'), ...report.runs.map(proofSection));
  page.append(element('h2', {}, 'Hypotheses and claims'), ...report.runs.map(claimsSection));
  page.append(element('h2', {}, 'Over time'), markKey());
  const note = thinningNote();
  if (note) page.append(note);
  const empty = emptyCurves();
  if (empty.length) page.append(element('p', { class: 'note' }, `Not drawn, for the records hold no values: ${empty.join(', ')}.`));
  page.append(grid(...curveFigures().map((figure) => figure.card)));
  report.runs.forEach((run, k) => {
    const prefix = several ? `run${k + 1}-` : '';
    page.append(element('h2', {}, several ? `Neurons and samples: ${runLabel(run, k)}` : 'Neurons and samples'));
    const parts = [...mapFigures(run, prefix), spectrumFigure(run, prefix), marginFigure(run, prefix)];
    page.append(grid(...parts.map((figure) => figure.card)));
  });
}

function footer() {
  const licences = element('details', {}, element('summary', {}, 'Licences of Vega, Vega-Lite and Vega-Embed, which draw the plots'));
  licences.append(element('pre', { tabindex: 0 }, document.getElementById('licences').textContent));
  document.getElementById('end').append(
      element('p', {}, `Latetime ${report.version}. Made from stored results by `, element('code', {}, report.command), '.'),
      ...report.runs.map((run) => element('p', {}, `${run.folder}: ${run.provenance.machine}; kernel ${run.provenance.kernel}; version ${run.provenance.version}.`)),
      licences);
}

function start() {
  document.documentElement.dataset.theme = themeName();
  document.title = `Latetime: ${titleText()}`;
  const page = document.getElementById('page');
  header();
  if (report.runs.length) runSections(page);
  trainingSections(page);
  paperSections(page);
  sweepSections(page);
  footer();
  watchFigures();
  darkSystem.addEventListener('change', applyAppearance);
  addEventListener('beforeprint', () => goOnPaper(true));
  addEventListener('afterprint', () => goOnPaper(false));
}

start();
