// Draws the curves and joins the buttons above them to the plots below. Bokeh does the drawing and the dragging.
document.querySelectorAll("[data-curves]").forEach(async (figure) => {
  const item = JSON.parse(figure.querySelector("script").textContent);
  const views = await Bokeh.embed.embed_item(item);
  const plot = [...views][0].model.document;
  const iterations = plot.get_model_by_name("iterations");
  const windows = [...figure.querySelectorAll("[data-window]")];

  if (matchMedia("(pointer: coarse)").matches) { // a finger scrolls the page; the buttons zoom
    for (const panel of ["first", "seen"]) plot.get_model_by_name(`${panel} drag`).active = false;
  }

  const show = () => {
    for (const button of windows) {
      const [start, end] = button.dataset.window.split(" ").map(Number);
      button.setAttribute("aria-pressed", iterations.start === start && iterations.end === end);
    }
  };
  iterations.change.connect(show);
  for (const button of windows) {
    button.addEventListener("click", () => {
      const [start, end] = button.dataset.window.split(" ").map(Number);
      iterations.setv({start, end});
    });
  }
  for (const button of figure.querySelectorAll("[data-optimizer]")) {
    button.addEventListener("click", () => {
      const visible = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", visible);
      for (const panel of ["first", "seen"]) {
        for (const part of ["line", "band"]) {
          const glyph = plot.get_model_by_name(`${panel} ${part} ${button.dataset.optimizer}`);
          if (glyph) glyph.visible = visible;
        }
      }
    });
  }
});
