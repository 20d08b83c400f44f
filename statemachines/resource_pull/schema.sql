-- The tables of the example. Applied by `portl run --init-db` and by the demo; applying it again changes nothing.

CREATE TABLE IF NOT EXISTS resources (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL,
  source text NOT NULL,
  name text NOT NULL,
  slug text,
  md5 text,
  updated_at timestamptz,
  UNIQUE (code, source)
);

CREATE TABLE IF NOT EXISTS resources_versions (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  resource_id bigint NOT NULL REFERENCES resources (id),
  version_number int NOT NULL,
  md5 text NOT NULL,
  status text NOT NULL CHECK (status IN ('draft', 'published')),
  payload jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (resource_id, version_number)
);
