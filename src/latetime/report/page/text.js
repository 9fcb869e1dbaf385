'use strict';
// Words and tables: summaries, the runs side by side, the paper's claims.

/**
 * Words of the program as nodes of the page: `code` between backticks, powers such as 10^-3.5 with raised
 * exponents, 6.9e-06 as 6.9 · 10⁻⁶.
 */
function typeset(text) {
  return String(text).split(/(`[^`]*`|\d(?:\.\d+)?e[-+]\d+|\^[-−]?(?:[A-Za-z0-9.]*[A-Za-z0-9]|\([^()]*\)))/).filter((part) => part !== '').map((part) => {
    if (part.length > 1 && part.startsWith('`')) return element('code', {}, part.slice(1, -1));
    if (/^\d(\.\d+)?e[-+]\d+$/.test(part)) {
      const [factor, decade] = part.split('e');
      return `${factor} · ${power(Number(decade))}`;
    }
    if (part.length > 1 && part.startsWith('^')) return element('sup', {}, part.slice(1).replace('-', '−'));
    return part;
  });
}

function summarySection(run, k) {
  const several = report.runs.length > 1;
  return element('section', { class: 'card' }, several ? element('h3', {}, runLabel(run, k)) : null,
      ...run.summary.map((part) => element('p', {}, element('strong', {}, part.title + '. '), ...typeset(part.text))));
}

function last(run, column) {
  const values = run.records.columns[column];
  return values[values.length - 1];
}

/** 1 + 1.06 · 10⁻⁵ where a stable rank is near 1. */
function rankText(value, excess) {
  if (value === null || value === undefined) return '–';
  if (excess !== null && excess < 1e-3) return excess < 1e-12 ? '1' : '1 + ' + amount(excess, 3);
  return amount(value, 6);
}

const PARTS = ['pos', 'neg', 'all'];

/** An error of the last record, and of the limit: nothing where no run measures it. */
function errorText(run, name) {
  const ofLimit = run.limit && run.limit.errors ? run.limit.errors[name] : null;
  const now = run.records.columns[name] ? amount(last(run, name), 4) : '–';
  return ofLimit === null || ofLimit === undefined ? now : `${now};  ${amount(ofLimit, 4)} at t = ∞`;
}

const measured = (name) => () => report.runs.some((run) => run.records.columns[name] && last(run, name) !== null);

// Name, text of a run, and whether the line is there, where it is not always.
const FACTS = [
  ['samples n, dimension d', (run) => `${run.shape.n}, ${run.shape.d}`],
  ['neurons a class m, slope γ', (run) => `${run.shape.m}, ${run.shape.slope}`],
  ['smoothed where |z| < h', (run) => (run.shape.smoothing ? amount(run.shape.smoothing) : 'not smoothed'),
    () => report.runs.some((run) => run.shape.smoothing)],
  ['time reached t', (run) => run.outcome.reached],
  ['log L', (run) => amount(last(run, 'log_loss'), 8)],
  ['stable ranks of W₊, W₋, W', (run) => PARTS.map((p) => rankText(last(run, 'stable_rank_' + p), last(run, 'stable_rank_excess_' + p))).join(';  ')],
  ['… at t = ∞', (run) => (run.limit && run.limit.stable_rank
    ? PARTS.map((p, k) => rankText(run.limit.stable_rank[k], run.limit.stable_rank_excess[k])).join(';  ') : '–')],
  ['normalised margin', (run) => amount(last(run, 'normalized_margin'), 6)],
  ['… at t = ∞', (run) => amount(run.limit ? run.limit.normalized_margin : null, 6)],
  ['KKT residual', (run) => amount(last(run, 'kkt_residual'), 3)],
  ['error estimate (log L, stable ranks)', (run) => (last(run, 'error_estimate') === null ? 'none' : amount(last(run, 'error_estimate'), 3))],
  ['pairs active, inactive, switching, undecided', (run) => [1, 0, 2, 3].map((s) => (
    s === 2 && !run.maps.of_limit && !run.maps.counts_switches ? 'not counted' : run.maps.total[s])).join(', ') +
    (run.maps.of_limit ? ' for ever' : ' at the end')],
  ['population error', (run) => errorText(run, 'population_error'), measured('population_error')],
  ['test error', (run) => errorText(run, 'test_error'), measured('test_error')],
  ['training error, labels as given', (run) => errorText(run, 'train_error'), measured('train_error')],
  ['training error, clean labels', (run) => errorText(run, 'train_error_clean'), measured('train_error_clean')],
  ['wall time', (run) => amount(run.provenance.wall_seconds, 3) + ' s'],
];

function factsTable() {
  const head = element('tr', {}, element('th', { scope: 'col' }, ''),
      ...report.runs.map((run, k) => element('th', { scope: 'col' }, runLabel(run, k))));
  const rows = FACTS.filter(([, , isThere]) => !isThere || isThere()).map(([name, text]) => element('tr', {}, element('th', { scope: 'row' }, name),
      ...report.runs.map((run) => element('td', {}, ...typeset(text(run))))));
  return element('div', { class: 'card scroll', tabindex: 0, role: 'region', 'aria-label': 'Side by side' },
      element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)));
}

function swatch(content) {
  const node = element('span', {});
  node.innerHTML = `<svg width="30" height="12" aria-hidden="true">${content}</svg>`;
  return node;
}

/** What lines and marks of the plots over time mean. */
function markKey() {
  const colors = theme();
  const line = (more) => `<line x1="1" x2="29" y1="6" y2="6" stroke="currentColor" stroke-width="2" ${more}/>`;
  const box = (color) => `<rect x="2" y="3" width="26" height="6" fill="${color}"/>`;
  const items = [];
  if (report.runs.some(hasLimit)) items.push([line('stroke-dasharray="5 4"'), 'limit t = ∞, or the asymptote that it gives']);
  if (report.runs.some((run) => handOverRows(run).length)) {
    items.push([line('stroke-dasharray="1 3"'), 'hand-over to the late-time flow']);
  }
  if (report.runs.some((run) => run.records.columns.error_estimate.some((e) => e > 0))) {
    items.push(['<rect x="2" y="1" width="26" height="10" fill="currentColor" opacity="0.25"/>', 'error estimate (often thinner than the line)']);
  }
  if (report.runs.some((run) => isProved(run) && run.proof.run.enclosures.log_time.length)) {
    items.push(['<rect x="2" y="2" width="26" height="8" fill="currentColor" fill-opacity="0.1" stroke="currentColor" stroke-width="0.8"/>',
                'proved to lie within']);
  }
  if (report.runs.length === 1) {
    if (eventRows(report.runs[0]).length) items.push(['<path d="M15 1 L20 10 L10 10 Z" fill="currentColor" opacity="0.75"/>', 'events since the record before']);
    for (const name of new Set(report.runs[0].records.engine)) items.push([box(colors.engines[name] || colors.muted), `${name} engine`]);
  }
  return element('div', { class: 'key' }, ...items.map(([mark, text]) => {
    const item = swatch(mark);
    item.append(text);
    return item;
  }));
}

/** Which records are drawn, where not all of them are. */
function thinningNote() {
  const thinned = report.runs.filter((run) => run.records.shown < run.records.total);
  if (!thinned.length) return null;
  const texts = thinned.map((run) => `${run.records.shown} of the ${run.records.total} records of ${run.name}`);
  return element('p', { class: 'note' }, `Drawn are ${texts.join(', ')}: of equal parts of log t and of log log t the first and ` +
      'the last, and those with the least and the greatest value of a curve. metrics.csv holds all.');
}
