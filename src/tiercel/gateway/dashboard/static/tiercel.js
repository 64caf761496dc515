// Charts, live pages, times in the reader's zone, keyboard. Every page says all it has to say without this file.
"use strict";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
// the same order of year, month and day everywhere, whatever the reader's language
const two = (number) => String(number).padStart(2, "0");
const dayOf = (when) => [when.getFullYear(), two(when.getMonth() + 1), two(when.getDate())].join("-");
const timeOf = (when) => [when.getHours(), when.getMinutes(), when.getSeconds()].map(two).join(":");
const momentOf = (when) => `${dayOf(when)} ${timeOf(when).slice(0, 5)}`;
const DAY_BELOW = ["\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1];
const TIMES = [
  [86_400 * 365, "{YYYY}", null, null, null, null, null, null, 1],
  [86_400 * 28, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [86_400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", ...DAY_BELOW],
  [1, "{HH}:{mm}:{ss}", ...DAY_BELOW],
];
const LINES = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6"];
const plots = new Map();

function amount(value, unit) {
  if (value == null) return "–";
  if (unit === "$") return value === 0 ? "$0" : "$" + (value >= 1 ? value.toFixed(2) : Number(value.toPrecision(2)));
  if (unit === "%") return Math.round(value) + " %";
  if (unit === "e") return capital(10 ** value);
  if (unit === "s") return value === 0 ? "0" : value < 1 ? Math.round(value * 1000) + " ms" : Number(value.toPrecision(3)) + " s";
  return Number(value.toPrecision(4)).toLocaleString("en");
}

function capital(value) {
  return value >= 0.01 && value < 1e6 ? Number(value.toPrecision(2)).toLocaleString("en") : value.toExponential(0);
}

function stacked(lines) {
  const sums = lines.length ? lines[0].values.map(() => 0) : [];
  return lines.map((line) => line.values.map((value, at) => (sums[at] += value || 0)));
}

function draw(figure) {
  const place = figure.querySelector(".plot");
  const data = JSON.parse(figure.querySelector("script").textContent);
  const unit = figure.dataset.unit, stack = figure.dataset.chart === "stack";
  const shown = stack ? stacked(data.lines) : data.lines.map((line) => line.values);
  const taken = new Set(data.lines.map((line) => line.colour));
  const free = LINES.map((_, at) => at).filter((at) => !taken.has(at));
  const lines = data.lines.map((line, at) => ({ ...line, colour: css(LINES[line.colour ?? free.shift() ?? LINES.length - 1]), drawn: shown[at] }));
  if (stack) lines.reverse();  // the tallest is drawn first and the others over it
  const axis = { stroke: css("--soft"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line"), width: 1 }, font: "12px system-ui" };
  const bars = stack ? uPlot.paths.bars({ size: [0.85, 60], align: 1 }) : undefined;
  const options = {
    width: Math.max(200, place.clientWidth), height: 220, padding: [10, 18, 0, 0],
    scales: { x: { time: true, range: (_, low, high) => [low, high + (stack ? data.step : 0)] }, y: { range: (_, low, high) => (unit === "e" ? [Math.min(low, 0) - 0.2, high + 0.3] : [0, unit === "%" ? 100 : high > 0 ? high * 1.08 : 1]) } },
    legend: { markers: { width: (_, at) => (lines[at - 1]?.dashed ? 2 : 0), dash: "dashed", stroke: (_, at) => lines[at - 1]?.colour, fill: (_, at) => (lines[at - 1]?.dashed ? "transparent" : lines[at - 1]?.colour) } },
    cursor: { points: { size: 6 }, y: false },
    axes: [{ ...axis, values: TIMES }, { ...axis, size: 62, incrs: unit === "e" ? [1, 2, 5, 10, 20, 50, 100] : undefined, values: (_, ticks) => ticks.map((tick) => amount(tick, unit)) }],
    series: [{ label: "from", value: (_, at) => (at == null ? "" : momentOf(new Date(at * 1000))) }, ...lines.map((line) => ({
      label: line.name, stroke: line.colour, fill: stack ? line.colour : undefined, width: stack ? 0 : line.dashed ? 1 : 2, dash: line.dashed ? [6, 5] : undefined, paths: bars,
      points: { show: !stack && !line.dashed && line.values.filter((value) => value != null).length < 40, size: 6, fill: line.colour }, spanGaps: true,
      value: (_, __, ___, at) => (at == null ? "" : amount(line.values[at], unit)),
    }))],
  };
  plots.get(figure.id)?.destroy();
  place.replaceChildren();
  plots.set(figure.id, new uPlot(options, [data.times, ...lines.map((line) => line.drawn)], place));
}

function tellTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const when = new Date(time.dateTime);
    time.title = time.dateTime;
    time.textContent = `${dayOf(when)} ${timeOf(when)}`;
  }
}

function dress(root) {
  tellTimes(root);
  if (window.uPlot) root.querySelectorAll("figure[data-chart]").forEach(draw);
}

function isBusy(part) {
  return part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea") || String(getSelection() || "") !== "" || part.querySelector("details[open]");
}

async function refresh() {
  const part = document.querySelector("[data-live]");
  if (!part) return;
  if (document.visibilityState === "visible" && !isBusy(part)) {
    try {
      const answer = await fetch(location.href, { headers: { "x-live": "1" } });
      if (answer.ok && !answer.redirected) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
        if (fresh && !isBusy(part)) {
          const focused = document.activeElement && part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
          part.replaceChildren(...fresh.childNodes);
          part.dataset.live = fresh.dataset.live || "";
          dress(part);
          if (focused) part.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
        }
      }
    } catch { /* the gateway is away for a moment; the page keeps what it has */ }
  }
  if (part.dataset.live) setTimeout(refresh, 1000 * Number(part.dataset.live));
}

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
  dress(document);
}

// j and k walk the rows, Enter opens one, / goes to the search, t switches light and dark; a page's own keys come first
function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  const named = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (named) { event.preventDefault(); named.click(); return; }
  const links = [...document.querySelectorAll("[data-row]")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "j" && links.length) links[Math.min(at + 1, links.length - 1)].focus();
  else if (event.key === "k" && links.length) links[Math.max(at - 1, 0)].focus();
  else if (event.key === "/") { const search = document.querySelector("input[type=search]"); if (!search) return; search.focus(); event.preventDefault(); }
  else if (event.key === "t") theme();
}

// without permission for the clipboard the text is at least selected, to be copied by hand
async function copy(button) {
  const field = document.getElementById(button.dataset.copy);
  field.select();
  try { await navigator.clipboard.writeText(field.value); button.textContent = "Copied"; }
  catch { button.textContent = document.execCommand("copy") ? "Copied" : "Selected: press Ctrl-C"; }
}

const chosen = localStorage.getItem("theme");
if (chosen) document.documentElement.dataset.theme = chosen;
document.addEventListener("DOMContentLoaded", () => {
  dress(document);
  document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  document.querySelector("[data-theme-switch]")?.addEventListener("click", theme);
  document.addEventListener("keydown", key);
  document.querySelectorAll("[data-copy]").forEach((button) => button.addEventListener("click", () => copy(button)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dress(document));
  let width = innerWidth, wait;
  addEventListener("resize", () => { if (innerWidth === width) return; width = innerWidth; clearTimeout(wait); wait = setTimeout(() => dress(document), 150); });
  const part = document.querySelector("[data-live]");
  if (part) setTimeout(refresh, 1000 * Number(part.dataset.live));
});
