package main

import (
	"errors"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"switchyard/internal/vfs"
	"switchyard/switch/operator"
	"switchyard/switch/switchtest"
)

// noted is what the last line of audit-log verify says to note.
var noted = regexp.MustCompile(`(?m)^the newest: --seen (\d+:[0-9a-f]{64})$`)

// The record of a running switch, and that of a backup of it, chain; what was noted of one is found in the other, and a
// search for a whole card number is counted.
func TestAuditLogVerify(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	verify := func(args ...string) (string, error) {
		out, _, err := execute(t, newAuditLogCmd(), append([]string{"verify"}, args...)...)
		return out, err
	}
	if out, err := verify("--operator", s.OperatorAddr); err != nil || out != "0 acts\n" {
		t.Errorf("%v\n%s", err, out)
	}
	search := operator.Search{Of: switchtest.GoodCard}
	if err := s.API().EachFound(t.Context(), search, func(*operator.Found) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.API().Backup(t.Context(), "copy/journal"); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "copy")
	if _, err := vfs.Clone(s.FS, vfs.Default, "copy", backup); err != nil {
		t.Fatal(err)
	}
	old, err := verify("--data", backup) // it has the backup's beginning
	const said = ", searches for whole card numbers among them: 1; begun and not ended: 1; nothing was changed\n"
	if err != nil || !strings.HasPrefix(old, "2 acts, ") || !strings.Contains(old, said) {
		t.Fatalf("%v\n%s", err, old)
	}
	then := noted.FindStringSubmatch(old)[1]
	out, err := verify("--operator", s.OperatorAddr, "--seen", then)
	if err != nil || !strings.HasPrefix(out, "3 acts, ") || !strings.Contains(out, "begun and not ended: 0;") {
		t.Errorf("%v\n%s", err, out)
	}
	// An older copy is one that the newest acts were taken from.
	now := noted.FindStringSubmatch(out)[1]
	out, err = verify("--data", backup, "--seen", now)
	if !errors.Is(err, errNo) ||
		!strings.HasPrefix(out, "the record ends with act 2: act 3 was seen before, and is gone\n") {
		t.Errorf("%v\n%s", err, out)
	}
	other := strings.Repeat("0", 64)
	out, err = verify("--data", backup, "--seen", "1:"+other)
	if !errors.Is(err, errNo) || !strings.Contains(out, "act 1, payments/search by loopback, is not the one that was") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, bad := range []string{"1", "0:" + other, "x:" + other, "1:00", "1:" + other + "00"} {
		if _, err := verify("--data", backup, "--seen", bad); err == nil || !strings.Contains(err.Error(), "--seen: ") {
			t.Errorf("--seen %s: %v", bad, err)
		}
	}
	if _, err := verify("--data", filepath.Join(t.TempDir(), "none")); err == nil || errors.Is(err, errNo) {
		t.Errorf("no data folder: %v", err)
	}
}

// What was changed is told, and ends with 1; another program's port is no empty record.
func TestAuditLogVerifyFinds(t *testing.T) {
	b := newAuditBooks(t)
	b.acts = strings.Replace(testActs(), `"who":"rita"`, `"who":"otto"`, 1)
	out, _, err := execute(t, newAuditLogCmd(), "verify", "--operator", b.serve(t))
	if !errors.Is(err, errNo) || !strings.HasPrefix(out, "act 3, cutover by otto: its hash is not that of") ||
		!strings.Contains(out, "4 acts, ") || !strings.Contains(out, "begun and not ended: 1; 1 difference\n") {
		t.Errorf("%v\n%s", err, out)
	}
	out, _, err = execute(t, newAuditLogCmd(), "verify", "--json", "--operator", b.serve(t))
	if !errors.Is(err, errNo) || !strings.Contains(out, `"difference_count": 1,`) {
		t.Errorf("%v\n%s", err, out)
	}
	gone := listen(t, http.NotFoundHandler())
	if _, _, err := execute(t, newAuditLogCmd(), "verify", "--operator", gone); err == nil || errors.Is(err, errNo) {
		t.Errorf("another program: %v", err)
	}
}
