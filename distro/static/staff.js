// Small helps for scanners; every page works without them.
"use strict";

const scan = document.getElementById("scan");

function beep(pitch, seconds) {
  const Audio = window.AudioContext;
  if (!Audio) return;
  const audio = new Audio(), tone = audio.createOscillator(), volume = audio.createGain();
  volume.gain.value = 0.15;
  tone.frequency.value = pitch;
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + seconds);
}

if (scan) {
  if (scan.autofocus) scan.select();
  if (document.querySelector("main .alert-danger")) beep(180, 0.45);
  else if (document.querySelector("main .alert-success")) beep(880, 0.12);
  // A scanner types wherever the focus is: letters outside any field go to the scan field.
  document.addEventListener("keydown", (event) => {
    const inField = event.target.closest("input, select, textarea, button, a, summary");
    if (!inField && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) scan.focus();
  });
}

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}

// A file that is too large is told before it is sent; the server tells it too.
for (const field of document.querySelectorAll("input[type=file][data-most]")) {
  field.addEventListener("change", () => {
    const most = Number(field.dataset.most), large = field.files.length > 0 && field.files[0].size > most;
    const sentence = large ? `This file is too large. At most ${most / 1e6} MB are read. Choose another.` : "";
    field.setCustomValidity(sentence);
    if (large) field.reportValidity();
  });
  field.form.addEventListener("submit", (event) => {
    if (field.reportValidity()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
}

// The label opens in its own tab; this one then shows the next step. It goes there by address: a reload would
// send the last form once more.
for (const form of document.querySelectorAll("form[data-then]")) {
  form.addEventListener("submit", () => setTimeout(() => location.assign(form.dataset.then), 1500));
}

for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => print());

window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent;
});

// Back from the sign-in service: hand on at once what it gave. Without script, the button does it.
for (const form of document.querySelectorAll("form[data-go]")) form.requestSubmit();
