-- Runs once, on an empty server: the registry keeps its schemas in a database of its own.
CREATE DATABASE registry;
