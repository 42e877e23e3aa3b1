import type { Page } from 'playwright-core';

/** WCAG 2.2 §1.4.3, for text of ordinary size. */
const LEAST_CONTRAST = 4.5;

/** Texts of a page that stand out too little from what is behind them: `ratio: text`. Colours of the page must be opaque. */
export async function lowContrast(page: Page): Promise<string[]> {
  // A text, because this folder is not compiled for browsers.
  const found = await page.evaluate(`(${MEASURE})()`);
  return (found as [ratio: number, text: string][])
    .filter(([ratio]) => ratio < LEAST_CONTRAST)
    .map(([ratio, text]) => `${ratio.toFixed(2)}: ${text}`);
}

const MEASURE = `() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const ownText = (element) =>
    [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join('');
  return [...document.body.querySelectorAll('*')]
    .filter((element) => element.checkVisibility())
    .map((element) => [element, ownText(element) || element.value])
    .filter(([, text]) => typeof text === 'string' && text !== '')
    .map(([element, text]) => {
      const [a, b] = [luminance(rgb(getComputedStyle(element).color)), luminance(behind(element))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text.slice(0, 40)];
    });
}`;
