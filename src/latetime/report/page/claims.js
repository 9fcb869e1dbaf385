'use strict';
// The paper's claims on a run, as `latetime check` stored them (docs/formats.md, "Claims").

/** A number of claims.json as text: null is no number, the texts "infinity" and "-infinity" are numbers. */
function claimNumber(value, digits = 4) {
  if (value === 'infinity') return '∞';
  if (value === '-infinity') return '−∞';
  return amount(value, digits);
}

/** The largest C with which a hypothesis holds: any, where every C does. */
function largestConstant(value) {
  return value === 'infinity' ? 'any' : claimNumber(value, 3);
}

/** "met, C = 12": the least of the largest constants of all hypotheses. */
function conditionsText(claim) {
  if (!claim.hypotheses.length) return 'no conditions';
  const met = claim.hypotheses.every((hypothesis) => hypothesis.met) ? 'met' : 'not met';
  const constants = claim.hypotheses.map((h) => h.largest_constant).filter((c) => c !== null);
  if (!constants.length) return met;
  const least = Math.min(...constants.map((c) => (c === 'infinity' ? Infinity : c)));
  return `${met}, C = ${least === Infinity ? 'any' : amount(least, 3)}`;
}

function verdictText(claim) {
  const verdict = claim.verdict === 'HypothesisUnmet' ? `Unmet (${claim.conclusion_seen})` : claim.verdict;
  return claim.proved ? `${verdict}, proved` : verdict;
}

/** Names and texts under each other; empty texts are left out. */
function definitions(pairs) {
  const list = element('dl', {});
  for (const [name, text] of pairs) {
    if (text !== null && text !== undefined && text !== '') list.append(element('dt', {}, name), element('dd', {}, text));
  }
  return list;
}

/** Typeset words as one node; null stays null. */
function sentence(text) {
  return text ? element('span', {}, ...typeset(text)) : null;
}

function hypothesisText(hypothesis) {
  const node = element('span', {}, element('span', { class: hypothesis.met ? 'holds' : 'fails' }, hypothesis.met ? 'met' : 'not met'),
      ...typeset(` ${hypothesis.name}: ${hypothesis.statement}`));
  if (hypothesis.largest_constant !== null) node.append(`; largest C: ${largestConstant(hypothesis.largest_constant)}`);
  if (hypothesis.detail) node.append(...typeset(`; ${hypothesis.detail}`));
  return node;
}

function measuredText(measured) {
  const extreme = (word, one) => element('div', { class: 'muted' }, `${word} ${claimNumber(one.value, 8)}`, ...typeset(one.at.text ? `: ${one.at.text}` : ''));
  return element('div', {}, ...typeset(measured.quantity), extreme('least', measured.least), extreme('most', measured.most));
}

function claimDetails(claim) {
  return definitions([
    ['because', sentence(claim.reason)],
    ['proved', claim.proved ? `${claim.proved.conclusion === 'holds' ? 'the conclusion' : 'the contrary'}, from step ${claim.proved.from_step} on` : null],
    ['says', sentence(claim.conclusion)],
    ['counts when', sentence(claim.criterion)],
    ...claim.hypotheses.map((hypothesis) => ['condition', hypothesisText(hypothesis)]),
    ['needs', sentence(claim.constant === null ? null : `${claim.constant_name} = ${claimNumber(claim.constant, 6)}`)],
    ...claim.measured.map((measured) => ['measured', measuredText(measured)]),
    ...claim.figures.map((figure) => ['figure', sentence(`${figure.name}: ${claimNumber(figure.value, 10)}`)]),
  ]);
}

/** "c = 1.5": the constant that the conclusion needs. What its name adds after a comma stands in the details. */
function constantText(claim) {
  return claim.constant === null ? '' : `${claim.constant_name.split(',')[0]} = ${claimNumber(claim.constant, 3)}`;
}

/** A row that opens: verdict, claim, conditions, constant; inside, all that was measured and where. */
function claimRow(claim) {
  const row = element('details', { class: 'claim' }, element('summary', {},
      element('span', { class: claim.verdict.toLowerCase() }, verdictText(claim)),
      element('span', {}, element('strong', {}, claim.id), ` ${claim.name} `, element('span', { class: 'muted' }, claim.place)),
      element('span', {}, conditionsText(claim)),
      element('span', {}, ...typeset(constantText(claim)))));
  row.addEventListener('toggle', () => {
    if (row.children.length === 1) row.append(claimDetails(claim));
  });
  return row;
}

function lookedAtText(looked) {
  const until = looked.until.step !== undefined ? String(looked.until.step) : '10^' + amount(looked.until.log10_t);
  const steps = looked.steps_problem ? `no single steps (${looked.steps_problem})` : `every step up to ${looked.steps}`;
  return `Looked at: ${steps}; ${looked.times} times up to t = ${until}.`;
}

function claimsSection(run, k) {
  const name = report.runs.length > 1 ? element('h3', {}, runLabel(run, k)) : null;
  if (!run.claims) {
    return element('section', { class: 'card' }, name, element('p', {},
        'The paper’s claims have not been checked on this run. ', element('code', {}, run.claims_command),
        ' checks them.'));
  }
  const { claims, counts, looked_at: looked, thresholds } = run.claims;
  const section = element('section', { class: 'card claims' }, name);
  if (run.claims_outdated) {
    section.append(element('p', { class: 'undecided' },
        `claims.json is older than the run’s results; ${run.claims_command} checks them again.`));
  }
  section.append(element('p', {}, Object.entries(counts).map(([verdict, count]) => `${count} ${verdict}`).join(', ') +
      '. Each row opens. In brackets: what was seen of a conclusion whose hypotheses are not met.'));
  section.append(element('p', { class: 'note' }, ...typeset(lookedAtText(looked) +
      ` “Sufficiently large” is read as C = ${thresholds.large}, an absolute constant as between 1/${thresholds.moderate} and ` +
      `${thresholds.moderate}, δ as ${thresholds.delta}.`)));
  for (const note of [looked.limit_problem, ...looked.notes]) if (note) section.append(element('p', { class: 'note' }, ...typeset(note)));
  let group = null;
  for (const claim of claims.filter((one) => one.applies)) {
    if (claim.group !== group) section.append(element('h3', {}, claim.group));
    group = claim.group;
    section.append(claimRow(claim));
  }
  const others = claims.filter((one) => !one.applies).map((one) => one.id);
  if (others.length) section.append(element('p', { class: 'note' }, `For another activation function: ${others.join(', ')}.`));
  return section;
}
