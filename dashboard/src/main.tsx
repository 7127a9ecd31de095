import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { Problem } from "./api/problem";
import { Toasts } from "./components/toast";
import { session } from "./session/session";
import { App } from "./shell/app";
import "./styles.css";

const AGAIN_MAX = 2;

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failed, error) => failed < AGAIN_MAX && error instanceof Problem && (error.offline || error.status === 503),
    },
  },
});

session.subscribe(() => {
  if (session.state().is === "out") queries.clear(); // nothing of one person is shown to the next
});
void session.start();

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <QueryClientProvider client={queries}>
      <App />
      <Toasts />
    </QueryClientProvider>,
  );
}

if ("serviceWorker" in navigator && import.meta.env.PROD) {
  void navigator.serviceWorker.register("/sw.js").catch(() => undefined); // no offline state then, nothing else
}
