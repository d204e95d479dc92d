"""MySQL 8.0 and later, and MariaDB 10.11 and later, by way of streams of `LOAD DATA LOCAL`."""
