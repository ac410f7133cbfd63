package main

import (
	"path/filepath"
	"strings"
	"testing"

	"switchyard/internal/infile"
	"switchyard/internal/secret"
)

// The hash that is printed is that of the secret in the file, which is read as a secret is.
func TestSecretInAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "shop.secret")
	var out strings.Builder
	cmd := newSecretCmd()
	cmd.SetArgs([]string{"--out", name})
	cmd.SetOut(&out)
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	text, err := infile.ReadSecret(name)
	if err != nil {
		t.Fatal(err)
	}
	printed, found := strings.CutPrefix(strings.TrimSpace(out.String()), "secret_hash  ")
	hash, err := secret.ParseHash(printed)
	if err != nil || !found {
		t.Fatalf("printed %q: %v", out.String(), err)
	}
	if !hash.Fits(strings.TrimSpace(string(text))) {
		t.Errorf("%s is not the hash of what stands in the file", hash)
	}
}
