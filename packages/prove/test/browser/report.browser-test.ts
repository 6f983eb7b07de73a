import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { htmlReport } from '../../src/html/html-report.ts';
import type { Report } from '../../src/report/schema.ts';
import { runProve } from '../helpers/run-prove.ts';
import { findBrowser } from './find-browser.ts';

/*
 * The report of a real run in a real browser. PROVE_REPORT names a report.json to show instead; PROVE_SCREENSHOTS names
 * a folder for pictures.
 */
const executablePath = findBrowser();
const pictures = process.env['PROVE_SCREENSHOTS'];
const widths = [400, 1600];
const themes = ['light', 'dark'] as const;

suite(
  'report.html',
  { skip: executablePath === undefined ? 'there is no Chromium' : false, timeout: 600_000 },
  () => {
    let browser: Browser;
    let folder: string;
    let file: string;
    let report: Report;

    before(async () => {
      folder = await mkdtemp(path.join(tmpdir(), 'sluice-report-'));
      const made = process.env['PROVE_REPORT'];
      report =
        made === undefined
          ? await runProve({
              maxClients: 50,
              maxRate: 200,
              rounds: 5,
              seconds: 0.5,
              failoverRounds: 1,
            })
          : (JSON.parse(await readFile(made, 'utf8')) as Report);
      file = path.join(folder, 'report.html');
      await writeFile(file, htmlReport(report));
      browser = await chromium.launch({
        ...(executablePath === undefined ? {} : { executablePath }),
        // Chromium has no sandbox as root.
        args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
      });
    });

    after(async () => {
      await browser?.close();
      await rm(folder, { recursive: true, force: true });
    });

    /** Opens the report from disk; records its errors and requests. */
    async function open(
      width: number,
      colorScheme: 'light' | 'dark',
    ): Promise<{ page: Page; complaints: string[]; requests: string[] }> {
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
      const page = await context.newPage();
      const complaints: string[] = [];
      const requests: string[] = [];
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('request', (request) => requests.push(request.url()));
      await page.goto(pathToFileURL(file).href);
      return { page, complaints, requests };
    }

    for (const width of widths) {
      for (const theme of themes) {
        test(`${width} px, ${theme}: no errors, no requests, plots drawn, everything within the width`, async () => {
          const { page, complaints, requests } = await open(width, theme);
          assert.deepEqual(complaints, []);
          // The page itself, and an embedded icon, so that the browser does not request one.
          assert.deepEqual(
            requests.filter((url) => !url.startsWith('file:') && !url.startsWith('data:')),
            [],
          );
          const plots = await page.locator('svg.plot:visible').evaluateAll((all) =>
            all.map((svg) => {
              const shapes = [...svg.querySelectorAll('path.line, circle')] as SVGGraphicsElement[];
              const box = svg.getBoundingClientRect();
              const text = svg.querySelector('text');
              return {
                shapes: shapes.length,
                drawn: shapes.some((shape) => shape.getBoundingClientRect().width > 0),
                width: box.width,
                font:
                  text === null
                    ? 0
                    : (Number.parseFloat(getComputedStyle(text).fontSize) * box.width) /
                      Number(svg.getAttribute('viewBox')?.split(' ')[2]),
                nan: svg.outerHTML.includes('NaN'),
              };
            }),
          );
          assert(plots.length >= 9, `${plots.length} plots`);
          for (const plot of plots) {
            assert(plot.shapes > 0 && plot.drawn && !plot.nan, JSON.stringify(plot));
            assert(plot.width > 250, JSON.stringify(plot));
            assert(
              plot.font >= 10 && plot.font <= 16,
              `the text of a plot is ${plot.font} px high`,
            );
          }
          const tops = await page.locator('.plots').evaluateAll((groups) =>
            groups.map((group) =>
              [...group.querySelectorAll('svg.plot')]
                .map((svg) => svg.getBoundingClientRect())
                .filter((box) => box.width > 0)
                .map(({ top }) => Math.round(top)),
            ),
          );
          for (const group of tops) {
            const steps = group.slice(1).map((top, at) => top - (group[at] ?? 0));
            // To the next plot in the same row, or in the next row.
            assert(
              steps.every((step) => step === 0 || step > 150),
              `plots beside each other start at different heights: ${group.join(', ')}`,
            );
          }
          const cut = await page
            .locator('.stacks td')
            .evaluateAll(
              (cells, most) =>
                cells
                  .filter((cell) => cell.getBoundingClientRect().right > most)
                  .map((cell) => cell.textContent),
              width,
            );
          assert.deepEqual(cut, [], 'a verdict on a statement is outside of the page');
          const beyond = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          assert.equal(beyond, 0, 'the page scrolls sideways');
          if (pictures !== undefined) {
            await mkdir(pictures, { recursive: true });
            await page.setViewportSize({ width, height: width > 1000 ? 1340 : 900 });
            await page.screenshot({ path: path.join(pictures, `prove-${width}-${theme}.png`) });
          }
          await page.context().close();
        });

        test(`${width} px, ${theme}: text has enough contrast`, async () => {
          const { page } = await open(width, theme);
          const weak = await page.evaluate(() => {
            const channels = (color: string): number[] =>
              (color.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
            const luminance = (color: string): number => {
              const [r = 0, g = 0, b = 0] = channels(color).map((value) => {
                const share = value / 255;
                return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
              });
              return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const ground = (element: Element | null): string => {
              for (let at = element; at !== null; at = at.parentElement) {
                const color = getComputedStyle(at).backgroundColor;
                if (!/^rgba\(.*, 0\)$/.test(color)) return color;
              }
              return 'rgb(255, 255, 255)';
            };
            return [
              ...document.querySelectorAll(
                'h1, h2, p, a, li, th, td, summary, figcaption, svg text',
              ),
            ]
              .map((element) => {
                const style = getComputedStyle(element);
                const color = element instanceof SVGElement ? style.fill : style.color;
                const [a, b] = [luminance(color), luminance(ground(element))];
                return {
                  text: element.textContent?.slice(0, 30),
                  ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
                };
              })
              .filter(({ ratio }) => ratio < 4.5);
          });
          assert.deepEqual(weak, []);
          await page.context().close();
        });
      }
    }

    test('every control is reachable by keyboard, and shows the focus', async () => {
      const { page } = await open(1600, 'light');
      const wanted = await page.evaluate(
        () =>
          [...document.querySelectorAll('a[href], summary, [tabindex="0"]')].filter((element) =>
            (element as HTMLElement).checkVisibility(),
          ).length,
      );
      const reached = new Set<string>();
      for (let press = 0; press < wanted + 5; press++) {
        await page.keyboard.press('Tab');
        const at = await page.evaluate(() => {
          const element = document.activeElement;
          if (element === null || element === document.body) return null;
          const style = getComputedStyle(element);
          const all = [...document.querySelectorAll('*')];
          return {
            index: String(all.indexOf(element)),
            outline: style.outlineStyle,
            width: style.outlineWidth,
          };
        });
        if (at === null) break;
        assert(at.outline !== 'none' && at.width !== '0px', 'the focus is not shown');
        reached.add(at.index);
      }
      assert(reached.size >= wanted, `${reached.size} of ${wanted}`);
      const numbers = page.locator('details').first();
      await numbers.locator('summary').focus();
      await page.keyboard.press('Enter');
      assert(await numbers.locator('table').isVisible());
      await page.context().close();
    });

    test('it prints the numbers that are collapsed on the screen', async () => {
      const { page } = await open(1600, 'dark');
      await page.emulateMedia({ media: 'print' });
      assert.equal(
        await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
        'rgb(255, 255, 255)',
      );
      assert(await page.locator('details table').first().isVisible());
      const pdf = await page.pdf({ format: 'A4', path: path.join(folder, 'report.pdf') });
      const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;
      assert(pages >= 3 && pages < 60, `${pages} pages`);
      await page.context().close();
    });
  },
);
