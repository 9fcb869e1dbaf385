'use strict';
// What is proved about a run, as `latetime prove` stored it (docs/formats.md, "Proofs").

const PROVED_COLUMNS = { log_loss: 'log_loss', norm_w: 'norm', stable_rank_pos: 'stable_rank_pos', stable_rank_neg: 'stable_rank_neg',
                         stable_rank_all: 'stable_rank_all' };

const isProved = (run) => Boolean(run.proof) && run.proof.proved && Boolean(run.proof.run);

/** Bounds that are proved of a curve, a row a time; none where nothing is. */
function provedRows(run, quantity, label, logarithmic) {
  const excess = quantity.column.startsWith('stable_rank_excess_');
  const name = PROVED_COLUMNS[excess ? quantity.column.replace('_excess', '') : quantity.column];
  if (!isProved(run) || !name) return [];
  const { enclosures } = run.proof.run;
  const mapped = (value) => (quantity.map ? quantity.map(excess ? value - 1 : value) : excess ? value - 1 : value);
  const rows = [];
  enclosures.log_time.forEach((log, r) => {
    const x = place(log / Math.LN10), bounds = enclosures[name][r];
    if (x === null || bounds === null) return;
    const ends = bounds.map(mapped).sort((a, b) => a - b);
    if (!ends.every(Number.isFinite) || (logarithmic && ends[1] <= 0)) return;
    if (logarithmic) ends[0] = Math.max(ends[0], ends[1] * 1e-3);
    rows.push({ x, lo: ends[0], hi: ends[1], s: label });
  });
  return rows;
}

/** The proved band of each curve: faint, with both its edges drawn. */
function provedLayers(rows, x, y, color) {
  if (!rows.length) return [];
  const edge = (field) => ({ data: { values: rows }, mark: { type: 'line', strokeWidth: 0.8, opacity: 0.75, clip: true },
                             encoding: { x, y: { ...y, field }, color } });
  return [{ name: 'proved', data: { values: rows }, mark: { type: 'area', opacity: 0.1, clip: true },
            encoding: { x, y: { ...y, field: 'lo' }, y2: { field: 'hi' }, color } }, edge('lo'), edge('hi')];
}

function proofSection(run, k) {
  const name = report.runs.length > 1 ? element('h3', {}, runLabel(run, k)) : null;
  const section = element('section', { class: 'card proof' }, name);
  const { proof } = run;
  if (!proof) {
    section.append(element('p', {}, 'Nothing has been proved about this run. ', element('code', {}, run.proof_command), ' tries.'));
    return section;
  }
  if (run.proof_outdated) {
    section.append(element('p', { class: 'undecided' }, `proof.json is older than the run’s results; ${run.proof_command} proves them again.`));
  }
  if (!proof.proved) {
    section.append(element('p', {}, element('span', { class: 'undecided' }, 'Not proved: '), ...typeset(`${proof.not_proved.reason}; ${proof.not_proved.remedy}.`)));
    if (proof.theorem.length) section.append(element('p', {}, 'Of the limit alone is proved:'));
  } else {
    section.append(element('p', {}, element('span', { class: 'holds' }, 'Theorem'), ', for exact arithmetic from the numbers as they are stored:'));
  }
  if (proof.theorem.length) section.append(element('ul', {}, ...proof.theorem.map((statement) => element('li', {}, ...typeset(statement)))));
  if (proof.proved) {
    section.append(element('p', { class: 'note' }, 'certificate.txt beside this page holds the proof; ',
        element('code', {}, `tools/check_certificate.py ${run.folder}/certificate.txt`), ' checks it, with Python alone.'));
  }
  return section;
}
