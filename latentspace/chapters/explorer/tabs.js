// The panels under the maps: one is shown, and a click on a map does what it needs. What a panel
// does stands in `panels` by its name: `take` an image, be entered, be left, count anew.

function makeTabs(onChoose) {
  const panels = {};
  let shown = "image";
  const tabs = [...document.querySelectorAll("[data-panel]")];
  const offered = () => tabs.filter(({ hidden }) => !hidden);

  function choose(name) {
    panels[shown]?.leave?.();
    shown = name;
    for (const tab of tabs) {
      const isChosen = tab.dataset.panel === name;
      tab.setAttribute("aria-selected", isChosen);
      tab.tabIndex = isChosen ? 0 : -1;
      byId(tab.dataset.panel).hidden = !isChosen;
    }
    panels[name]?.enter?.();
    onChoose();
  }

  tabs.forEach((tab) => {
    tab.onclick = () => choose(tab.dataset.panel);
    tab.onkeydown = ({ key }) => {
      const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[key];
      if (way) {
        const all = offered();
        const next = all[(all.indexOf(tab) + way + all.length) % all.length];
        choose(next.dataset.panel);
        next.focus();
      }
    };
  });

  // Some panels can be chosen, or no longer.

  function offer(names, can = true) {
    tabs.filter(({ dataset }) => names.includes(dataset.panel)).forEach((tab) => (tab.hidden = !can));
    byId("tabs").hidden = offered().length < 2;
    choose(offered().some(({ dataset }) => dataset.panel === shown) ? shown : "image");
  }

  return { panels, choose, offer, shown: () => shown, take: (index) => panels[shown]?.take?.(index) };
}
