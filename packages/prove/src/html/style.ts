/** The style sheet of the report: light and dark, narrow and wide, and for print. */
export const style = `
:root {
  color-scheme: light dark;
  --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --panel: #f6f8fa; --line: #d0d7de; --focus: #0550ae;
  --p0: #b35900; --p1: #0550ae; --p2: #1a7f37; --p3: #8250df; --p4: #a40e26;
  --good: #1a7f37; --warn: #9a6700;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --soft: #9da7b3; --paper: #0d1117; --panel: #161b22; --line: #30363d; --focus: #79b8ff;
    --p0: #f0883e; --p1: #58a6ff; --p2: #56d364; --p3: #bc8cff; --p4: #ff7b72;
    --good: #56d364; --warn: #e3b341;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: .5rem; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .5rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.4rem 0 .3rem; }
p { max-width: 46rem; margin: .4rem 0; }
.soft { color: var(--soft); }
a { color: var(--focus); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 2px; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; padding: 0; margin: .8rem 0; }
ul.findings { list-style: none; padding: 0; margin: .6rem 0; max-width: 60rem; }
ul.findings li { padding: .45rem .7rem; margin: .3rem 0; background: var(--panel); border-left: 4px solid var(--good); border-radius: 3px; overflow-wrap: anywhere; }
ul.findings li.no-difference { border-left-color: var(--soft); }
ul.findings li.not-supported, ul.findings li.caveat { border-left-color: var(--warn); }
ul.findings .kind { font-size: .78rem; text-transform: uppercase; letter-spacing: .04em; color: var(--soft); display: block; }
.plots { display: grid; gap: 1.2rem; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 1100px) { .plots { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
/* Captions, plots and numbers that are side by side are aligned at the top. */
.plots > figure { display: grid; grid-template-rows: subgrid; grid-row: span 4; row-gap: 0; }
figure { margin: .6rem 0; min-width: 0; break-inside: avoid; }
figcaption { font-weight: 600; margin-bottom: .2rem; }
figcaption .soft { font-weight: 400; display: block; font-size: .88rem; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; list-style: none; margin: .2rem 0; padding: 0; font-size: .88rem; }
.legend svg { width: 26px; height: 10px; vertical-align: middle; margin-right: .3rem; }
svg.plot { width: 100%; max-width: 46rem; height: auto; display: block; font: 12px system-ui, sans-serif; }
svg.wide { display: none; }
@media (min-width: 620px) { svg.wide { display: block; } svg.narrow { display: none; } }
svg text { fill: var(--soft); }
svg .mark-label { paint-order: stroke; stroke: var(--paper); stroke-width: 4; stroke-linejoin: round; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .mark { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 3 3; }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .dashed { stroke-dasharray: 6 4; }
${[0, 1, 2, 3, 4].map((at) => `.c${at} { stroke: var(--p${at}); } .f${at} { fill: var(--p${at}); stroke: var(--paper); }`).join('\n')}
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: .88rem; margin: .4rem 0; }
th, td { padding: .28rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; white-space: nowrap; }
td.text, th { white-space: normal; }
th { font-weight: 600; color: var(--soft); }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
td.text { min-width: 13rem; }
td code { overflow-wrap: anywhere; }
@media (max-width: 619px) {
  .stacks thead { position: absolute; left: -9999px; }
  .stacks tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .stacks td { display: block; padding: .1rem 0; border: 0; text-align: left; white-space: normal; }
  .stacks td:not(:first-child)::before { content: attr(data-label) ': '; color: var(--soft); font-weight: 600; }
}
details { margin: .4rem 0; }
summary { cursor: pointer; color: var(--focus); width: fit-content; }
pre { background: var(--panel); padding: .8rem; overflow-x: auto; border-radius: 4px; font-size: .84rem; }
footer { margin: 3rem auto 2rem; color: var(--soft); font-size: .88rem; }
@media print {
  :root { --ink: #000; --soft: #444; --paper: #fff; --panel: #fff; --line: #bbb; --focus: #000;
    --p0: #b35900; --p1: #0550ae; --p2: #1a7f37; --p3: #8250df; --p4: #a40e26; }
  body { font-size: 10.5pt; }
  nav, .skip { display: none; }
  details::details-content { content-visibility: visible; height: auto; }
  summary { display: none; }
  .scroll { overflow: visible; }
  .plots { grid-template-columns: minmax(0, 1fr); }
  svg.wide { display: block; max-width: 17cm; } svg.narrow { display: none; }
  ul.findings li, tr { break-inside: avoid; }
  h2, h3, figcaption { break-after: avoid; }
}
`;
