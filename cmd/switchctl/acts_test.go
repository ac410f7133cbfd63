package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// testActs is the record of a switch: a cutover, one that who may not has asked for, and a backup that a crash cut off.
func testActs() string {
	var b strings.Builder
	hash := make([]byte, sha256.Size)
	for i, act := range []string{
		`"who":"otto","role":"operate","what":"cutover","parameters":{"wait":"1m0s","ahead":"true"},"outcome":"begun"`,
		`"who":"otto","role":"operate","what":"cutover","begun":1,"outcome":"done"`,
		`"who":"rita","role":"operate","what":"cutover","outcome":"refused","error":"rita has not the role operate"`,
		`"who":"otto","role":"operate","what":"backup","parameters":{"dir":"/b"},"outcome":"begun"`,
	} {
		record := fmt.Sprintf(`{"n":%d,"at":"2026-11-20T12:00:0%dZ",%s}`, i+1, i, act)
		sum := sha256.Sum256(append(hash, record...))
		hash = sum[:]
		fmt.Fprintf(&b, "{\"record\":%s,\"hash\":\"%s\"}\n", record, hex.EncodeToString(hash))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// The command shows a line a call, with what came of it.
func TestActs(t *testing.T) {
	at := newAuditBooks(t).serve(t)
	out, _, err := execute(t, newActsCmd(), "--operator", at)
	const want = `N  AT                    WHO   ROLE     WHAT                          OUTCOME
1  2026-11-20T12:00:00Z  otto  operate  cutover ahead=true wait=1m0s  done
3  2026-11-20T12:00:02Z  rita  operate  cutover                       refused: rita has not the role operate
4  2026-11-20T12:00:03Z  otto  operate  backup dir=/b                 begun
`
	if err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
	out, _, err = execute(t, newActsCmd(), "--operator", at, "--json")
	if err != nil || strings.Count(out, "\n") != 4 || !strings.HasPrefix(out, `{"n":1,`) {
		t.Errorf("%v\n%s", err, out)
	}
}

// The audit finds an act that was changed, and asks no switch for a record that has none.
func TestAuditOfActs(t *testing.T) {
	b := newAuditBooks(t)
	b.acts = strings.Replace(testActs(), `"who":"rita"`, `"who":"otto"`, 1)
	at := b.serve(t)
	out, _, err := execute(t, newAuditCmd(), "--operator", at, "--issuer", at)
	if !errors.Is(err, errNo) || !strings.Contains(out, "act 3, cutover by otto: its hash") {
		t.Errorf("%v\n%s", err, out)
	}
	b.acts = ""
	at = b.serve(t)
	if out, _, err := execute(t, newAuditCmd(), "--operator", at, "--issuer", at); err != nil {
		t.Errorf("a switch of before there was any record: %v\n%s", err, out)
	}
	gone := listen(t, http.NotFoundHandler())
	_, _, err = execute(t, newActsCmd(), "--operator", gone)
	if err == nil || !strings.Contains(err.Error(), "right port") {
		t.Errorf("another program: %v", err)
	}
}
