/** Asks before what opens the gateway is revoked: a key, a webhook. */
import { useMutation } from "@tanstack/react-query";
import { call } from "../../api/client";
import { Button } from "../../components/button";
import { Dialog } from "../../components/dialog";
import { Refused } from "../../components/states";
import { toast } from "../../components/toast";

export function Revoke({ path, name, means, done, onClose }: { path: string; name: string; means: string; done: string; onClose: () => void }) {
  const revoke = useMutation({
    mutationFn: () => call(path, { method: "DELETE" }),
    onSuccess() {
      toast(done);
      onClose();
    },
  });
  return (
    <Dialog title={`Revoke ${name}`} onClose={onClose}>
      <p>{means} This cannot be undone.</p>
      <Refused error={revoke.error} />
      <div className="flex gap-2">
        <Button kind="danger" busy={revoke.isPending} onClick={() => revoke.mutate()}>
          Revoke
        </Button>
        <Button onClick={onClose}>Cancel</Button>
      </div>
    </Dialog>
  );
}
