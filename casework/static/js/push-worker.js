// Rings while no page is open: shows what the office sent, a code and a time, and opens the office's notices. Keeps nothing.
self.addEventListener("push", (event) => {
  const said = event.data ? event.data.json() : {};
  event.waitUntil(
    self.registration.showNotification(said.title || "casework", { body: said.body || "", tag: said.tag, lang: "vi", requireInteraction: true }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow("/thong-bao"));
});
