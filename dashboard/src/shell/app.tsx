/** What is shown: the sign-in, that nothing answers, or the shell with a screen in it. */
import { lazy, Suspense, useEffect } from "react";
import { Loading, Offline } from "../components/states";
import { useSession } from "../session/hooks";
import { session } from "../session/session";
import { Boundary } from "./boundary";
import { Shell } from "./shell";

const SignIn = lazy(() => import("../screens/sign-in"));

export function App() {
  const state = useSession();
  useEffect(() => {
    if (state.is === "out") document.title = "Sign in – Auterity";
  }, [state.is]);
  if (state.is === "in") return <Shell person={state.person} />;
  return (
    <Boundary>
      <main className="mx-auto grid min-h-dvh w-full max-w-sm content-center p-3">
        {state.is === "starting" && <Loading />}
        {state.is === "offline" && <Offline onAgain={() => void session.start()} />}
        {state.is === "out" && (
          <Suspense fallback={<Loading rows={6} />}>
            <SignIn why={state.why} />
          </Suspense>
        )}
      </main>
    </Boundary>
  );
}
