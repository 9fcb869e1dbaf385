'use strict';
// The distribution of the margins at the end of a run, and of those of its limit.

function marginSpec(run, width) {
  const colors = theme();
  const columns = run.records.columns;
  const size = columns.norm_w[columns.norm_w.length - 1];
  const named = (label) => (label > 0 ? 'class +1' : 'class −1');
  const rows = run.margins.map((u, i) => ({ u: u / size, s: named(run.labels[i]) }));
  const color = { field: 's', type: 'nominal', title: null,
                  scale: { domain: ['class +1', 'class −1'], range: colors.series.slice(0, 2) },
                  legend: { symbolType: 'square', symbolSize: 140, symbolStrokeWidth: 0, symbolOpacity: 1 } };
  const title = 'yᵢ f(xᵢ) / ‖W‖';
  const found = run.limit && run.limit.status === 'found';
  const layer = [{
    name: 'bar', data: { values: rows }, mark: { type: 'bar', binSpacing: 1 },
    encoding: {
      x: { field: 'u', bin: { maxbins: 28 }, type: 'quantitative', title,
           axis: { labelExpr: 'latetimeAmount(datum.value)', tickCount: 6, grid: false } },
      y: { aggregate: 'count', title: 'samples', axis: { tickMinStep: 1, tickCount: 6 } },
      color,
      tooltip: [{ field: 'u', bin: { maxbins: 28 }, title: 'margin' }, { field: 's', title: 'samples of' },
                { aggregate: 'count', title: 'number' }],
    },
  }];
  if (found) {
    const scale = norm(run.limit);
    const limits = run.limit.margins.map((u, i) => ({
      u: u / scale, s: named(run.labels[i]), i, v: amount(u / scale, 6),
      support: run.limit.support[i] ? 'yes' : 'no' }));
    layer.push({ name: 'limit_margins', data: { values: limits },
                 mark: { type: 'tick', thickness: 2, size: 11, opacity: 0.85, orient: 'vertical' },
                 encoding: { x: { field: 'u', type: 'quantitative', title }, y: { value: 8 }, color,
                             tooltip: [{ field: 'i', title: 'sample' }, { field: 'v', title: 'margin at t = ∞' },
                                       { field: 'support', title: 'support' }] } });
    layer.push({ name: 'limit', data: { values: [{ u: run.limit.normalized_margin, v: amount(run.limit.normalized_margin, 8) }] },
                 mark: { type: 'rule', strokeDash: [5, 4], strokeWidth: 1.5, color: colors.ink },
                 encoding: { x: { field: 'u', type: 'quantitative', title },
                             tooltip: [{ field: 'v', title: 'normalised margin at t = ∞' }] } });
  }
  return { width, height: 290, autosize: { type: 'fit', contains: 'padding' },
           padding: { top: 6, left: 2, right: 10, bottom: 4 }, layer };
}

function marginFigure(run, prefix) {
  const found = run.limit && run.limit.status === 'found';
  return new Figure({
    id: prefix + 'margins', title: 'Distribution of the margins',
    note: 'Normalised margins of all samples at the last record.' +
      (found ? ' Ticks on top: those of the limit; dashed: its normalised margin.' : ''),
    origin: originOf(run), build: (width) => marginSpec(run, width),
  });
}
