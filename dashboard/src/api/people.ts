/** People and keys, as the gateway tells of them. */
export interface UserTold {
  id: string;
  title: string;
  roles: string[];
  status: "active" | "suspended";
  second_factor: boolean;
  one_time: boolean;
  issuer: string;
  team: string;
}

export interface KeyTold {
  id: string;
  title: string;
  scopes: string[];
  expires_at: string;
  status: "active" | "revoked";
  networks: string[];
  team: string;
}
