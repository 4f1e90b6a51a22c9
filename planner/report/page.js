"use strict";
for (const block of document.querySelectorAll("script[data-chart]")) {
  const place = document.getElementById(block.dataset.chart);
  const fail = (error) => {
    place.classList.add("failed");
    place.textContent = "This chart could not be drawn: " + error.message;
  };
  try {
    const spec = JSON.parse(block.textContent);
    // ast: expressions are interpreted, so the page needs no permission to make code from text
    const options = { mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false };
    vegaEmbed(place, spec, options).catch(fail);
  } catch (error) {
    fail(error);
  }
}
