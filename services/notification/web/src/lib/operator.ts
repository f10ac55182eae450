import { auth } from "./auth";
import { useStore } from "./store";

/** Whether the user may see and do what is the installation's: others aren't even asked for it. */
export function useOperator(): boolean {
  const who = useStore(auth);
  return who.state === "signed-in" && who.role === "operator";
}
