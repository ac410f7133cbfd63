package secret_test

import (
	"strings"
	"testing"

	"switchyard/internal/secret"
)

func TestFits(t *testing.T) {
	made := secret.New()
	h, err := secret.HashOf(made)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := secret.ParseHash(h.String())
	if err != nil || kept != h {
		t.Fatalf("read back: %v, %v", kept, err)
	}
	for name, c := range map[string]struct {
		hash   secret.Hash
		secret string
		fits   bool
	}{
		"its own":              {kept, made, true},
		"another":              {kept, secret.New(), false},
		"nearly":               {kept, made[:len(made)-1] + "x", false},
		"the text of the hash": {kept, kept.String(), false},
		"none":                 {kept, "", false},
		"of nobody":            {secret.Hash{}, made, false},
		"none of nobody":       {secret.Hash{}, "", false},
	} {
		if fits := c.hash.Fits(c.secret); fits != c.fits {
			t.Errorf("%s: fits is %v", name, fits)
		}
	}
}

// The hash of a secret is SHA-256 as anybody computes it, since a configuration keeps it.
func TestText(t *testing.T) {
	const of = "0123456789abcdef0123456789abcdef"
	h, err := secret.HashOf(of)
	const want = "sha256:" + "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"
	if err != nil || h.String() != want {
		t.Errorf("the hash of %s is %s, %v", of, h, err)
	}
	if text := (secret.Hash{}).String(); text != "" {
		t.Errorf("the hash of nothing is %s", text)
	}
}

func TestShortSecret(t *testing.T) {
	if _, err := secret.HashOf(strings.Repeat("x", secret.MinLen-1)); err == nil || !strings.Contains(err.Error(), "32") {
		t.Errorf("a short secret: %v", err)
	}
}

func TestBadHash(t *testing.T) {
	for _, text := range []string{
		"", "hunter2", "sha256:", "sha256:abc", "sha1:" + strings.Repeat("0", 64), "sha256:" + strings.Repeat("g", 64),
	} {
		if _, err := secret.ParseHash(text); err == nil || !strings.Contains(err.Error(), "expected sha256: and 64") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
