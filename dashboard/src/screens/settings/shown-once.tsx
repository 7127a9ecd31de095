import { Button } from "../../components/button";
import { CodeBlock } from "../../components/code";
import { Dialog } from "../../components/dialog";

/** A secret that is shown this once. */
export function ShownOnce({ title, secret, children, onClose }: { title: string; secret: string; children: string; onClose: () => void }) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{children} It is not shown again.</p>
      <CodeBlock label={title} text={secret} />
      <div>
        <Button kind="primary" onClick={onClose}>
          I have kept it
        </Button>
      </div>
    </Dialog>
  );
}
