// "Leave this site" at once: the page goes blank before the next one is asked for, and its place in the history is taken.
// Shift three times within 5 seconds, and nothing else between, does the same. Without this script the link still leads away.
(function () {
  "use strict";
  var link = document.getElementById("leave");
  if (!link) { return; }
  var steps = [link.dataset.two, link.dataset.one, link.dataset.now];
  var said = document.createElement("p"), pressed = 0, alone = false, timer;
  said.className = "unseen";
  said.setAttribute("role", "status");
  document.body.appendChild(said);

  function leave() {
    var to = link.href;
    document.title = "";
    document.body.textContent = "";
    location.replace(to);
  }
  function forget() { clearTimeout(timer); pressed = 0; alone = false; said.textContent = ""; }

  link.addEventListener("click", function (event) {
    if (event.ctrlKey || event.metaKey || event.button) { return; }
    event.preventDefault();
    leave();
  });
  document.addEventListener("submit", function (event) {  // so that the browser shows nothing typed when it goes back
    for (var field of event.target.querySelectorAll("[autocomplete]")) { field.setAttribute("autocomplete", "off"); }
  });
  for (var other of ["pointerdown", "wheel"]) { document.addEventListener(other, forget, {capture: true, passive: true}); }
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Shift") { forget(); } else if (!event.repeat) { alone = true; }
  }, true);
  document.addEventListener("keyup", function (event) {
    if (event.key !== "Shift" || !alone) { return; }
    alone = false;
    clearTimeout(timer);
    if (!pressed) { said.dataset.since = Date.now(); }
    pressed += 1;
    if (Date.now() - said.dataset.since > 5000) { pressed = 1; said.dataset.since = Date.now(); }
    said.textContent = steps[pressed - 1];
    if (pressed === 3) { leave(); return; }
    timer = setTimeout(forget, 5000);
  });
})();
