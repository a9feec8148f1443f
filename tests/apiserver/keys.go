// SPDX-License-Identifier: Apache-2.0
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// admin has all rights; dns has those that admin grants.
var users = []struct{ name, group string }{{"admin", "system:masters"}, {"dns", ""}}

// The CA of one cluster; children and tests use only the files it writes.
type keys struct {
	folder string
	ca     *x509.Certificate
	caKey  crypto.Signer
	serial int64
	tokens map[string]string
}

// ca.crt; server.crt, server.key; USER.crt, USER.key, USER.token; tokens.csv; sa.pub, sa.key.
func newKeys(folder string) (*keys, error) {
	k := &keys{folder: folder, tokens: map[string]string{}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	k.caKey = key
	authority := k.template("tests")
	authority.IsCA, authority.BasicConstraintsValid = true, true
	authority.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if k.ca, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	if err := k.writePEM("ca.crt", "CERTIFICATE", der); err != nil {
		return nil, err
	}
	server := k.template("kube-apiserver")
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	server.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default.svc"}
	if err := k.issue("server", server); err != nil {
		return nil, err
	}
	if err := k.addUsers(); err != nil {
		return nil, err
	}
	return k, k.addServiceAccountKey()
}

func (k *keys) template(name string) *x509.Certificate {
	k.serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(k.serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func (k *keys) issue(name string, c *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, c, k.ca, key.Public(), k.caKey)
	if err != nil {
		return err
	}
	if err := k.writePEM(name+".crt", "CERTIFICATE", der); err != nil {
		return err
	}
	return k.writeKey(name+".key", key)
}

func (k *keys) addUsers() error {
	var csv string
	for n, u := range users {
		c := k.template(u.name)
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		group := ""
		if u.group != "" {
			c.Subject.Organization = []string{u.group}
			group = fmt.Sprintf(",%q", u.group)
		}
		if err := k.issue(u.name, c); err != nil {
			return err
		}
		secret := make([]byte, 20)
		if _, err := rand.Read(secret); err != nil {
			return err
		}
		k.tokens[u.name] = hex.EncodeToString(secret)
		csv += fmt.Sprintf("%s,%s,%d%s\n", k.tokens[u.name], u.name, n+1, group)
		if err := k.write(u.name+".token", []byte(k.tokens[u.name])); err != nil {
			return err
		}
	}
	return k.write("tokens.csv", []byte(csv))
}

func (k *keys) addServiceAccountKey() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := k.writePEM("sa.pub", "PUBLIC KEY", public); err != nil {
		return err
	}
	return k.writeKey("sa.key", key)
}

// A kubeconfig with the certificate of each user.
func (k *keys) writeConfigs(server string) error {
	for _, u := range users {
		text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: tests
  cluster: {server: %q, certificate-authority: %q}
contexts:
- name: tests
  context: {cluster: tests, user: %[3]s}
users:
- name: %[3]s
  user: {client-certificate: %[4]q, client-key: %[5]q}
current-context: tests
`, server, filepath.Join(k.folder, "ca.crt"), u.name, filepath.Join(k.folder, u.name+".crt"),
			filepath.Join(k.folder, u.name+".key"))
		if err := k.write(u.name+".kubeconfig", []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

func (k *keys) writeKey(name string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return k.writePEM(name, "PRIVATE KEY", der)
}

func (k *keys) writePEM(name, kind string, der []byte) error {
	return k.write(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func (k *keys) write(name string, data []byte) error {
	return os.WriteFile(filepath.Join(k.folder, name), data, 0o600)
}
