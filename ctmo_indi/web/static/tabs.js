// The page's tabs: one row each. A module's default export draws it: Tab({store, order}).
export const TABS = [
  { id: "now", title: "Now", icon: "now", load: () => import("./now.js") },
  { id: "tonight", title: "Tonight", icon: "tonight", load: () => import("./tonight.js") },
  { id: "sky", title: "Sky", icon: "sky", load: () => import("./sky.js") },
  { id: "orders", title: "Orders", icon: "orders", load: () => import("./orders.js") },
  { id: "frames", title: "Frames", icon: "frames", load: () => import("./frames.js") },
  { id: "devices", title: "Devices", icon: "devices", load: () => import("./devices.js") },
  { id: "log", title: "Log", icon: "log", load: () => import("./log.js") },
  { id: "report", title: "Report", icon: "report", load: () => import("./report.js") },
];
