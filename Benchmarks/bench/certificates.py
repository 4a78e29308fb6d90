"""Certificates for measures of TLS: one authority, and leaves of P-256 keys, made with the openssl command."""
import os
import subprocess


def run(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Authority:
    def __init__(self, shop):
        self.folder = shop.folder
        self.path = os.path.join(self.folder, "ca.pem")
        self.key = os.path.join(self.folder, "ca.key")
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
            "-keyout", self.key, "-out", self.path)

    def leaf(self, name):
        """Paths of certificate and key, and of both in one file as HAProxy wants them."""
        base = os.path.join(self.folder, name)
        run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName=DNS:{name}", "-keyout", base + ".key", "-out", base + ".csr")
        run("x509", "-req", "-in", base + ".csr", "-CA", self.path, "-CAkey", self.key, "-CAcreateserial", "-days", "2",
            "-copy_extensions", "copy", "-out", base + ".pem")
        with open(base + ".both", "w") as both:
            for part in (".pem", ".key"):
                with open(base + part) as file:
                    both.write(file.read())
        return {"chain": base + ".pem", "key": base + ".key", "both": base + ".both"}
