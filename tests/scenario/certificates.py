"""Certificates for TLS, made with `openssl` for one test: an authority of its own, and what it signs."""

import copy
import pathlib
import subprocess


class Authority:
    """Makes certificates in a folder: NAME.crt and NAME.key; its own is ca.crt."""

    names, server = ("IP:127.0.0.1", "DNS:redis.test"), "server"

    def __init__(self, folder, name="ca"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self._run("req", "-x509", *self._key(name), "-subj", "/CN=an authority of the tests", "-days", "30",
                  "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign", "-out", f"{name}.crt")
        self.ca = str(self.folder / f"{name}.crt")
        self.made = {}

    def serving(self, *names):
        """The same authority, whose servers have other names."""
        other = copy.copy(self)
        other.names, other.server = names, "other-server"
        return other

    def for_redis(self, auth="no"):
        """What redis-server is to be told."""
        cert, key = self.sign(self.server, *self.names)
        return {"tls-cert-file": cert, "tls-key-file": key, "tls-ca-cert-file": self.ca, "tls-auth-clients": auth,
                "tls-replication": "yes"}

    def for_client(self):
        """What the tests' own client is to be told."""
        cert, key = self.sign("tester")
        return {"ssl": True, "ssl_ca_certs": self.ca, "ssl_certfile": cert, "ssl_keyfile": key, "ssl_check_hostname": False}

    def _run(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def _key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"]

    def sign(self, name, *names):
        """A certificate for these names ("DNS:redis.test", "IP:127.0.0.1"); the paths of it and of its key."""
        made = (str(self.folder / f"{name}.crt"), str(self.folder / f"{name}.key"))
        if self.made.get(name) == names:
            return made
        self.made[name] = names
        self._run("req", *self._key(name), "-new", "-subj", f"/CN={name}", "-out", f"{name}.csr")
        extension = self.folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={','.join(names)}\n" if names else "extendedKeyUsage=clientAuth\n")
        self._run("x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.crt", "-CAkey", f"{self.name}.key", "-CAcreateserial",
                  "-days", "30", "-extfile", extension.name, "-out", f"{name}.crt")
        return made
