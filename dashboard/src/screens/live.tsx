import { ScreenHead } from "../components/panel";
export default function Live() {
  return <ScreenHead title="Live" />;
}
