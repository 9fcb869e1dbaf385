'use strict';
// A figure: a card with a plot that is drawn when it comes into view, its exports, and how it was made.

const figures = [];

class Figure {
  /**
   * about: {id, title, note, origin, build, choices, read}
   *   origin   text: command and configuration that made what is shown
   *   build    (width, choice values) => Vega-Lite specification
   *   choices  [{name, label, options: [{value, label}]}]: selections above the plot
   *   read     (step or null, figure) => text for the reader's arrow keys; optional
   */
  constructor(about) {
    this.about = about;
    this.values = {};
    this.view = null;
    this.inView = false;
    this.stale = true;
    this.width = 0;
    this.card = this.makeCard();
    figures.push(this);
  }

  makeCard() {
    const { id, title, note } = this.about;
    this.noteLine = element('p', { class: 'note' }, note || '');
    this.plot = element('div', {
      class: 'plot', tabindex: this.about.read ? 0 : null, role: 'figure',
      'aria-label': title + (this.about.read ? '. Arrow keys read values.' : ''),
    });
    this.readout = element('p', { class: 'readout muted', 'aria-live': 'polite' });
    if (this.about.read) this.plot.addEventListener('keydown', (event) => this.onKey(event));
    return element('section', { class: 'card', id }, element('h3', {}, title), this.noteLine,
        this.choiceRow(), this.plot, this.about.read ? this.readout : null, this.tools());
  }

  choiceRow() {
    if (!this.about.choices || !this.about.choices.length) return null;
    return element('div', { class: 'tools' }, ...this.about.choices.map((one) => {
      this.values[one.name] = one.options[0].value;
      const select = element('select', {
        change: () => {
          this.values[one.name] = select.value;
          this.draw();
        },
      }, ...one.options.map((o) => element('option', { value: o.value }, o.label)));
      return element('label', {}, one.label, select);
    }));
  }

  tools() {
    const made = element('details', {}, element('summary', {}, 'How it was made'));
    made.addEventListener('toggle', () => {
      if (made.children.length === 1) made.append(element('pre', { tabindex: 0 }, this.about.origin));
    });
    return element('div', { class: 'tools' },
        element('button', { type: 'button', class: 'png', click: () => this.save('png') }, 'PNG'),
        element('button', { type: 'button', class: 'svg', click: () => this.save('svg') }, 'SVG'), made);
  }

  specification(width) {
    return {
      $schema: 'https://vega.github.io/schema/vega-lite/v6.json', config: vegaConfig(),
      description: this.about.title, ...this.about.build(width, this.values, this),
    };
  }

  embed(node, width, title = {}) {
    return vegaEmbed(node, { ...this.specification(width), ...title }, {
      actions: false, renderer: 'canvas', ast: true, mode: 'vega-lite',
      tooltip: { theme: 'latetime', disableDefaultStyle: true },
    });
  }

  async draw() {
    this.width = this.plot.clientWidth;
    if (this.width < 40) return;
    this.stale = false;
    this.cursor = null;
    const turn = (this.turn || 0) + 1;
    this.turn = turn;
    const result = await this.embed(this.plot, this.width);
    if (turn !== this.turn) return;
    if (this.result) this.result.finalize();
    this.result = result;
    this.view = result.view;
    if (this.about.read) followPointer(this);
    this.card.dataset.drawn = turn;
  }

  /** Draws now where the reader looks, later elsewhere. */
  refresh() {
    this.stale = true;
    if (this.inView) this.draw();
  }

  /** A picture with title and command, as a file. */
  async save(kind) {
    const result = await this.embed(document.createElement('div'), Math.max(this.width, 480), {
      title: { text: this.about.title, subtitle: this.about.origin.split('\n')[0], offset: 14 },
    });
    const url = kind === 'png'
      ? await result.view.toImageURL('png', 2)
      : URL.createObjectURL(new Blob([await result.view.toSVG()], { type: 'image/svg+xml' }));
    result.finalize();
    element('a', { href: url, download: `${this.about.id}.${kind}` }).click();
    if (kind === 'svg') setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  /** Arrow keys step through what is plotted; the values appear below the plot. */
  onKey(event) {
    const far = event.shiftKey ? 10 : 1;
    const steps = { ArrowRight: far, ArrowLeft: -far, Home: -Infinity, End: Infinity };
    if (event.key === 'Escape') this.readout.textContent = '';
    if (!this.view || !(event.key in steps)) return;
    event.preventDefault();
    this.readout.textContent = this.about.read(steps[event.key], this);
  }
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const figure = figures.find((one) => one.plot === entry.target);
    figure.inView = entry.isIntersecting;
    if (figure.inView && figure.stale) figure.draw();
  }
}, { rootMargin: '200px' });

let resizing = 0;
const resized = new ResizeObserver(() => {
  clearTimeout(resizing);
  resizing = setTimeout(() => {
    for (const figure of figures) {
      if (figure.view && Math.abs(figure.plot.clientWidth - figure.width) > 2) figure.refresh();
    }
  }, 120);
});

function watchFigures() {
  for (const figure of figures) {
    seen.observe(figure.plot);
    resized.observe(figure.plot);
  }
}
