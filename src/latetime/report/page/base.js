'use strict';
// What every part of the page uses: the data, small helpers, numbers as text, colours.

const report = JSON.parse(document.getElementById('data').textContent);

/** An element with attributes (functions become listeners) and children (texts or elements). */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** 10^k as text: "10³", "10⁻⁸"; a broken exponent as "1.778 · 10³", "0.05". */
function power(k) {
  const whole = Math.round(k);
  if (Math.abs(k - whole) > 1e-9) {
    const decade = Math.floor(k), factor = Number((10 ** (k - decade)).toPrecision(4));
    if (decade >= -3 && decade < 4) return String(Number((10 ** k).toPrecision(4)));
    return factor === 10 ? power(decade + 1) : `${factor} · ${power(decade)}`;
  }
  if (whole >= 0 && whole < 4) return String(10 ** whole);
  return '10' + (whole < 0 ? '⁻' : '') +
      String(Math.abs(whole)).split('').map((digit) => SUPERSCRIPTS[digit]).join('');
}

/** A number for people, with so many significant digits. */
function amount(value, digits = 6) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e6) return String(Number(value.toPrecision(digits)));
  const decade = Math.floor(Math.log10(size) + 1e-12);
  const factor = Number((value / 10 ** decade).toPrecision(digits));
  if (!Number.isFinite(factor)) return value.toPrecision(digits);
  return factor === 1 ? power(decade) : factor + ' · ' + power(decade);
}

/** Places of the labels of a logarithmic axis: about five of them. */
function logTicks(domain) {
  const low = Math.log10(domain[0]), high = Math.log10(domain[1]);
  const digits = high - low < 1.2 ? [1, 1.5, 2, 3, 5, 7] : high - low < 2.5 ? [1, 2, 5] : [1];
  const every = digits.length > 1 ? 1 : Math.max(1, Math.ceil((high - low) / 6));
  const ticks = [];
  for (let k = Math.floor(low / every) * every; k <= high; k += every) {
    for (const digit of digits) {
      const tick = digit * 10 ** k;
      if (tick >= domain[0] * (1 - 1e-9) && tick <= domain[1] * (1 + 1e-9)) ticks.push(tick);
    }
  }
  if (ticks.length > 1) return ticks;
  return [0, 0.25, 0.5, 0.75, 1].map((share) => Number((domain[0] * (domain[1] / domain[0]) ** share).toPrecision(3)));
}

/**
 * Labels of an axis of exponents, log10 of what is shown, as Vega-Lite takes them: whole powers of ten, or, where
 * fewer than three decades are shown, numbers.
 */
function exponentAxis(domain) {
  const few = domain[1] - domain[0] < 2.5;
  return { values: exponentTicks(domain), labelExpr: few ? 'latetimeAmount(pow(10, datum.value))' : 'latetimePower(datum.value)' };
}

/** Their places. */
function exponentTicks([low, high]) {
  if (high - low < 2.5 && low > -300 && high < 300) {
    const exact = [10 ** low, 10 ** high];
    return logTicks(exact).map((value) => Math.log10(value)).filter((k) => k >= low - 1e-9 && k <= high + 1e-9);
  }
  const raw = (high - low) / 6, decade = 10 ** Math.floor(Math.log10(raw));
  const every = Math.max(1, [1, 2, 5, 10].find((digit) => digit * decade >= raw) * decade);
  const ticks = [];
  for (let k = Math.ceil(low / every) * every; k <= high; k += every) ticks.push(Math.round(k));
  return ticks;
}

/** A logarithmic axis of Vega-Lite over this domain. */
function logAxis(domain, title) {
  return { field: 'y', type: 'quantitative', title, scale: { type: 'log', nice: false, domain },
           axis: { values: logTicks(domain), labelExpr: 'latetimeAmount(datum.value)' } };
}

/** The time of a record as text, from log10 t. */
function timeText(log10t) {
  if (log10t === null) return '0';
  return log10t < 6 ? String(Math.round(10 ** log10t)) : power(log10t);
}

// Functions that the axes call by name.
vega.expressionFunction('latetimePower', power);
vega.expressionFunction('latetimeAmount', (value) => amount(value, 4));

/** Okabe and Ito's colours, told apart with every kind of colour vision; lighter on dark ground. */
const THEMES = {
  light: {
    ink: '#1f2328', muted: '#57606a', grid: '#e4e8ec', panel: '#ffffff', faint: '#d0d7de',
    series: ['#0072b2', '#d55e00', '#3d444d', '#009e73', '#b0578d', '#b37700', '#3b9bd6', '#7d5fb2'],
    engines: { dense: '#8c959f', coefficient: '#b6bec7', frozen: '#56b4e9', flow: '#e69f00' },
    states: ['#e3e7eb', '#0072b2', '#e69f00', '#b0578d'],
    signed: ['#b34700', '#f0a860', '#f4f5f6', '#6aaede', '#00508a'],
    scheme: { name: 'viridis', extent: [0, 0.9] },
  },
  dark: {
    ink: '#e6edf3', muted: '#9aa7b4', grid: '#2b323a', panel: '#161b22', faint: '#444c56',
    series: ['#56b4e9', '#ff9a57', '#d7dde4', '#2fc49a', '#e39ac4', '#f0c04a', '#9db8ff', '#c3a6f5'],
    engines: { dense: '#8c959f', coefficient: '#5b6570', frozen: '#56b4e9', flow: '#e69f00' },
    states: ['#2d343c', '#4a9fd8', '#f0b429', '#e39ac4'],
    signed: ['#ffb074', '#a85f25', '#20262d', '#2f6f9f', '#8fd0ff'],
    scheme: { name: 'viridis', extent: [0.3, 1] },
  },
};

/** What the reader has chosen: the axis of time and the appearance. Paper is light. */
const choice = { time: 't', appearance: 'system', onPaper: false };
try {
  choice.appearance = localStorage.getItem('latetime-appearance') || 'system';
} catch { /* a page from disk may have no storage */ }

const darkSystem = matchMedia('(prefers-color-scheme: dark)');

function themeName() {
  if (choice.onPaper) return 'light';
  if (choice.appearance !== 'system') return choice.appearance;
  return darkSystem.matches ? 'dark' : 'light';
}

function theme() {
  return THEMES[themeName()];
}

/** Vega's settings for the present appearance. */
function vegaConfig() {
  const colors = theme();
  const axis = {
    labelColor: colors.muted, titleColor: colors.ink, gridColor: colors.grid, domainColor: colors.faint,
    tickColor: colors.faint, labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal',
    labelOverlap: 'greedy', labelSeparation: 6,
  };
  return {
    background: colors.panel,
    font: 'system-ui, "Segoe UI", Helvetica, Arial, sans-serif',
    view: { stroke: colors.faint },
    axis,
    legend: {
      labelColor: colors.ink, titleColor: colors.muted, titleFontWeight: 'normal', labelFontSize: 12,
      titleFontSize: 11, orient: 'top', labelLimit: 260,
    },
    title: { color: colors.ink, subtitleColor: colors.muted, anchor: 'start', fontSize: 14 },
    text: { color: colors.muted },
  };
}
