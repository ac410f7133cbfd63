package main

import (
	"os"
	"path/filepath"
	"testing"

	txswitch "switchyard/switch"
)

// The files that a configuration names are relative to its own folder, wherever switchd is started.
func TestFilesAreBesideTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "switchd.yaml")
	text := "key: {file: card.key}\noperator: {socket: operator.sock}\nmark: {file: marks/switchd.mark}\n" +
		"clearing: {incoming: back}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][2]string{
		"key.file":          {c.Key.File, "card.key"},
		"operator.socket":   {c.Operator.Socket, "operator.sock"},
		"mark.file":         {c.Mark.File, "marks/switchd.mark"},
		"clearing.incoming": {c.Clearing.Incoming, "back"},
	} {
		if want := filepath.Join(dir, file[1]); file[0] != want {
			t.Errorf("%s: %q, want %q", name, file[0], want)
		}
	}
	if c.Data != txswitch.DefaultConfig().Data {
		t.Errorf("data: %q; it is relative to where switchd is started", c.Data)
	}
}
