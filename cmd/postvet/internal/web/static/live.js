// New messages come to the live page as they are decided.
"use strict";

(() => {
  const list = document.getElementById("live");
  if (!list || !window.EventSource) return;
  const most = 200;
  const pause = document.getElementById("live-pause");
  const only = document.getElementById("live-only");
  const state = document.getElementById("live-state");
  const news = document.getElementById("live-news");
  const lead = document.getElementById("live-lead");
  const zone = list.dataset.zone;
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  let paused = false;
  let waiting = [];
  let unread = 0;
  document.getElementById("live-tools").hidden = false;

  // The rows come in UTC, the same for all who watch.
  function rowsOf(text) {
    const part = document.createElement("template");
    part.innerHTML = text;
    const rows = [...part.content.querySelectorAll("li")];
    if (zone !== "UTC") {
      for (const t of part.content.querySelectorAll("time")) t.textContent = clock.format(new Date(t.dateTime));
    }
    return rows;
  }

  function filter(rows) {
    for (const row of rows) row.hidden = only.value !== "" && row.dataset.action !== only.value;
  }

  function show(rows) {
    document.getElementById("live-empty")?.remove();
    filter(rows);
    list.prepend(...rows);
    while (list.children.length > most) list.lastElementChild.remove();
  }

  function tell(text) { state.textContent = text; }

  function number(n, noun) { return n + " " + noun + (n === 1 ? "" : "s"); }

  let last = list.dataset.last;
  function connect() {
    const url = list.dataset.events + "?after=" + encodeURIComponent(last);
    const events = new EventSource(url);
    events.addEventListener("open", () => tell(paused ? "Paused" : "New messages come by themselves."));
    events.addEventListener("error", () => {
      tell("Not connected; trying again.");
      if (events.readyState === EventSource.CLOSED) refused(url);
    });
    events.addEventListener("reset", () => { list.replaceChildren(); waiting = []; });
    events.addEventListener("missed", (e) => tell(number(Number(e.data), "message") + " came too fast to be shown."));
    events.addEventListener("dropped", () => tell("This page was too slow, and begins again."));
    events.addEventListener("message", (e) => {
      last = e.lastEventId;
      const rows = rowsOf(e.data);
      unread += rows.length;
      if (!paused) {
        show(rows);
        return;
      }
      waiting = [...rows, ...waiting].slice(0, most);
      tell("Paused, " + number(waiting.length, "new message"));
    });
  }

  // An EventSource that is refused gives up and does not say why. Then this asks, shows the
  // answer, and tries again when the service says.
  async function refused(url) {
    let why = "Not connected.";
    let wait = 30;
    const request = new AbortController();
    try {
      const answer = await fetch(url, { redirect: "manual", signal: request.signal });
      if (!answer.ok) {
        wait = Number(answer.headers.get("Retry-After")) || wait;
        const problem = await answer.json();
        why = problem.error + ". " + (problem.text ?? "");
      }
    } catch {
      // Nobody answers, or something that is not the service.
    }
    request.abort();
    tell(why + " This page tries again in " + number(wait, "second") + ".");
    setTimeout(connect, wait * 1000);
  }

  connect();

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
    if (!paused) {
      show(waiting);
      waiting = [];
    }
    tell(paused ? "Paused" : "New messages come by themselves.");
  });
  only.addEventListener("change", () => filter(list.children));

  // Screen readers hear how many came, now and then, and not each of them.
  setInterval(() => {
    if (unread > 0) news.textContent = number(unread, "new message");
    unread = 0;
  }, 15000);
  setInterval(() => {
    if (paused) return;
    const since = Date.now() - 60000;
    const rows = [...list.children].filter((row) => new Date(row.querySelector("time").dateTime) >= since);
    const refused = rows.filter((row) => row.dataset.action === "reject").length;
    lead.textContent = number(rows.length, "message") + " in the last minute, " + refused + " of them refused.";
  }, 5000);
})();
