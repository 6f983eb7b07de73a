"""Logs in with psycopg: one attempt a line of standard input, one answer a line of standard output."""

import sys

import psycopg

for line in sys.stdin:
    user, secret, port, tls, binding, ca, cert, key = line.rstrip("\n").split("\t")
    options = {
        "host": "localhost",
        "hostaddr": "127.0.0.1",
        "port": port,
        "user": user,
        "password": secret or None,
        "dbname": "shop",
        "sslmode": "verify-full" if tls == "1" else "disable",
        "sslrootcert": ca,
        "channel_binding": "require" if binding == "1" else "prefer",
        "gssencmode": "disable",
    }
    if cert:
        options.update(sslcert=cert, sslkey=key)
    try:
        with psycopg.connect(**options) as connection:
            (who,) = connection.execute("select current_user").fetchone()
            print("in", who, sep="\t", flush=True)
    except psycopg.Error as error:
        print("out", error.sqlstate or "", " ".join(str(error).split()), sep="\t", flush=True)
