CREATE TABLE IF NOT EXISTS intake_files (
  name text NOT NULL,
  size bigint NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (name, size)
);
CREATE TABLE IF NOT EXISTS orders (
  order_id text PRIMARY KEY,
  customer text NOT NULL,
  amount numeric(12, 2) NOT NULL,
  ordered_at timestamptz NOT NULL,
  file text NOT NULL
);
