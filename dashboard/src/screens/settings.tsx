import { ScreenHead } from "../components/panel";
export default function Settings() {
  return <ScreenHead title="Settings" />;
}
