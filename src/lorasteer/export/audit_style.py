"""How the report of an audit looks, in light and dark. Texts have a contrast of 4.5 or more on their grounds, lines of 3."""

STYLE = """
:root{--ground:#fbfbfa;--surface:#fff;--sunken:#f1f2f3;--line:#d9dce0;--text:#14181f;--muted:#525b68;
--tested:#1f4fd8;--base:#b3261e;--retrained:#14713d;--never:#6b7280;--warn:#8a5300}
@media(prefers-color-scheme:dark){:root{--ground:#0f1216;--surface:#171b21;--sunken:#20262e;--line:#39424e;--text:#eceff3;
--muted:#a6b0bd;--tested:#7da2ff;--base:#ff8a80;--retrained:#5fd08b;--never:#98a2b0;--warn:#f0b45a}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1160px;margin:0 auto;padding:32px 24px 48px}
h1{font-size:1.75rem;line-height:1.2;margin:0;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:0}
.over,.small,caption{color:var(--muted);font-size:.875rem}.over{margin:0}
section,details{margin-top:28px}section>h2{margin-bottom:12px}
.verdict{display:flex;gap:18px;align-items:flex-start;margin-top:20px;padding:20px 22px;background:var(--surface);
border:1px solid var(--line);border-left:6px solid var(--mood);border-radius:10px;--mood:var(--never)}
.verdict p{margin:0}.verdict .sign{font-size:2rem;line-height:1.1;color:var(--mood)}
.verdict .label{font-size:1.45rem;font-weight:650;line-height:1.25;color:var(--mood);margin-bottom:6px}
.verdict .subject{color:var(--muted);overflow-wrap:anywhere}.verdict .withheld{margin-top:8px;color:var(--muted)}
.removed-to-the-depth-tested{--mood:var(--retrained)}.suppressed,.over-forgotten{--mood:var(--warn)}
.not-forgotten{--mood:var(--base)}.not-enough-evidence{--mood:var(--never)}
details{border-top:1px solid var(--line);padding-top:12px}summary{cursor:pointer}summary h2{display:inline;margin-left:4px}
details>:not(summary){margin-top:12px}
summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--tested);outline-offset:2px}
.scroll{overflow-x:auto;background:var(--surface);border:1px solid var(--line);border-radius:10px;margin-bottom:12px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;padding:10px 14px 4px;max-width:min(100%,calc(100vw - 60px))}
th,td{padding:7px 14px;text-align:left;vertical-align:middle;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--muted);font-weight:500;white-space:nowrap}tbody th{min-width:128px}tbody th{font-weight:500}
.number{font-variant-numeric:tabular-nums;white-space:nowrap;text-align:right}
.found{display:block;font-size:.8rem;font-weight:400;color:var(--muted)}.found.towards-the-base{color:var(--base)}
.found.away-from-the-base{color:var(--warn)}
.plots{display:grid;gap:20px;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
.plots.three{grid-template-columns:repeat(auto-fit,minmax(min(100%,260px),1fr))}
figure{margin:0;padding:14px 16px;background:var(--surface);border:1px solid var(--line);border-radius:10px;min-width:0}
figcaption{font-size:.9rem;margin-bottom:8px;overflow-wrap:anywhere}
svg{display:block;overflow:visible}.plot{width:100%;height:auto;max-width:600px;margin:0 auto}.dots .plot{max-width:320px}
.strip{width:180px;height:22px}
svg text{fill:var(--muted);font-size:12px;font-family:inherit}svg .name{fill:var(--text)}
.grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--muted);stroke-width:1}
.chance{fill:none;stroke:var(--muted);stroke-width:1;stroke-dasharray:2 3}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.band{stroke:none;opacity:.18}
.line.tested{stroke:var(--tested);stroke-width:2.6}.mark.tested,.band.tested{fill:var(--tested)}
.line.base{stroke:var(--base);stroke-dasharray:7 4}.mark.base,.band.base{fill:var(--base)}
.line.retrained{stroke:var(--retrained)}.mark.retrained,.band.retrained{fill:var(--retrained)}
.line.never-trained{stroke:var(--never);stroke-dasharray:2 3}.mark.never-trained,.band.never-trained{fill:var(--never)}
.dot.target{fill:var(--tested)}.dot.others{fill:none;stroke:var(--never);stroke-width:1.1}
.within{fill:var(--retrained);opacity:.3}.value-mark{fill:var(--tested)}.base-mark{fill:none;stroke:var(--base);stroke-width:2}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:4px 16px;margin:8px 0 0;padding:0;font-size:.85rem;color:var(--muted)}
.key li{display:flex;align-items:center;gap:6px}.key.strips{margin-top:24px}
.swatch{display:inline-block;width:12px;height:12px;border-radius:50%}.swatch.within{background:var(--retrained);border-radius:3px}
.swatch.value{background:var(--tested)}.swatch.ring{border:2px solid var(--base)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;font-size:.875rem}dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
footer{margin-top:32px;border-top:1px solid var(--line);color:var(--muted);font-size:.9rem}
@media(max-width:600px){main{padding:20px 14px 32px}.verdict{padding:16px;gap:12px}th,td{padding:6px 8px}.strip{width:150px}
dl{grid-template-columns:1fr}dd{margin-bottom:6px}figure{padding:12px 10px}}
@media print{details{display:block}.scroll{overflow:visible}}
"""
