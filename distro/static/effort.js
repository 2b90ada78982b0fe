// Solves the small puzzle of the page where a request is checked; see orders/effort.py.
// It works in short turns so that the page stays quick, and never holds up the button.
(function () {
  "use strict";
  var field = document.getElementById("effort");
  if (!field) { return; }
  var puzzle = field.dataset.puzzle, bits = Number(field.dataset.bits);

  // SHA-256 (FIPS 180-4) of a text of at most 55 ASCII letters, that is of one block; gives its first word.
  var constants = [], start = [];
  for (var number = 2; constants.length < 64; number++) {
    var prime = true;
    for (var by = 2; by * by <= number; by++) { if (number % by === 0) { prime = false; } }
    if (prime) {
      if (start.length < 8) { start.push(fraction(Math.sqrt(number))); }
      constants.push(fraction(Math.cbrt(number)));
    }
  }
  function fraction(root) { return ((root - Math.floor(root)) * 4294967296) | 0; }
  function turn(word, by) { return (word >>> by) | (word << (32 - by)); }

  var words = new Int32Array(64);
  function firstWord(text) {
    words.fill(0, 0, 16);
    for (var at = 0; at < text.length; at++) { words[at >> 2] |= text.charCodeAt(at) << (24 - 8 * (at & 3)); }
    words[text.length >> 2] |= 128 << (24 - 8 * (text.length & 3));
    words[15] = text.length * 8;
    for (var i = 16; i < 64; i++) {
      var x = words[i - 15], y = words[i - 2];
      words[i] = (words[i - 16] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + words[i - 7] +
        (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10))) | 0;
    }
    var a = start[0], b = start[1], c = start[2], d = start[3], e = start[4], f = start[5], g = start[6], h = start[7];
    for (var j = 0; j < 64; j++) {
      var one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + constants[j] + words[j]) | 0;
      var two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
    }
    return (a + start[0]) | 0;
  }

  var answer = 0;
  function work() {
    var until = Date.now() + 30;
    while (Date.now() < until) {
      for (var tries = 0; tries < 100; tries++, answer++) {
        if (firstWord(puzzle + ":" + answer) >>> (32 - bits) === 0) { field.value = String(answer); return; }
      }
    }
    setTimeout(work, 0);
  }
  work();
})();
