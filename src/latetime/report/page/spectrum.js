'use strict';
// The singular values over time, the leading ones and a selection of the others.

function spectrumRows(run, part) {
  const { ranks, values } = run.spectrum.parts[part];
  return ranks.flatMap((k, row) => values[row].map((y, r) => {
    const log10t = run.spectrum.log10_t[r];
    return { k, s: `number ${k}`, x: place(log10t), y, t: timeText(log10t), v: amount(y, 6) };
  }).filter((point) => point.x !== null && point.y > 0));
}

function spectrumSpec(run, width, values, figure) {
  const rows = spectrumRows(run, values.part);
  const colors = theme();
  figure.rows = rows;
  figure.series = run.spectrum.parts[values.part].ranks.map((k) => `number ${k}`);
  const x = timeAxis(timeDomain([run]));
  const y = logAxis(logDomain(rows), 'singular value');
  const color = { field: 'k', type: 'quantitative', title: 'number', scale: { type: 'log', scheme: colors.scheme },
                  legend: { type: 'gradient', gradientLength: Math.min(200, width / 2), gradientThickness: 10,
                            titleOrient: 'left', format: 'd', direction: 'horizontal' } };
  return {
    width, height: 290, autosize: { type: 'fit', contains: 'padding' },
    padding: { top: 6, left: 2, right: 10, bottom: 4 },
    layer: [
      { name: 'curve', data: { values: rows }, mark: { type: 'line', strokeWidth: 1.5, clip: true },
        encoding: { x, y, color, detail: { field: 'k', type: 'nominal' } } },
      ...dotLayers(rows, x, y, color),
      ...cursorLayers(x, y, { value: colors.ink }, colors),
    ],
  };
}

function spectrumFigure(run, prefix) {
  const counts = run.spectrum.parts;
  return new Figure({
    id: prefix + 'spectrum', title: 'Singular values',
    note: `Numbers ${counts.all.ranks.join(', ')} of the ${counts.all.count} of all weights, or those of one class, at ${run.spectrum.log10_t.length} times. Zeros have no place.`,
    origin: originOf(run),
    choices: [{ name: 'part', label: 'Of', options: [
      { value: 'all', label: 'W (both classes)' }, { value: 'pos', label: 'W₊' }, { value: 'neg', label: 'W₋' }] }],
    build: (width, values, figure) => spectrumSpec(run, width, values, figure),
    read: readCurve,
  });
}
