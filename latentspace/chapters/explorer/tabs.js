// Panels: one is shown, and a click on a map does what it needs.

function makeTabs(redraw) {
  const tabs = [...document.querySelectorAll("[data-panel]")];
  const panels = {}; // by name: what is done when one is shown or left, or is given an image
  let shown = "image";

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
    redraw();
  }

  tabs.forEach((tab) => {
    tab.onclick = () => choose(tab.dataset.panel);
    tab.onkeydown = ({ key }) => {
      const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[key];
      if (way) {
        const offered = tabs.filter(({ hidden }) => !hidden);
        const next = offered[(offered.indexOf(tab) + way + offered.length) % offered.length];
        choose(next.dataset.panel);
        next.focus();
      }
    };
  });

  return {
    panels,
    shown: () => shown,
    take: (index) => panels[shown]?.take?.(index),
    // Shows the tabs, all or some, and the first panel.
    offer(names = tabs.map(({ dataset }) => dataset.panel)) {
      tabs.forEach((tab) => (tab.hidden = !names.includes(tab.dataset.panel)));
      byId("tabs").hidden = false;
      choose("image");
    },
  };
}
