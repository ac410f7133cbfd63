package configfile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"switchyard/internal/config"
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
	c, err := Load(path)
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

// What is named where a file is expected, and is none, is refused by its name; switchd waits for no FIFO's other side.
func TestConfigurationThatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	folder, fifo := filepath.Join(dir, "folder"), filepath.Join(dir, "fifo")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	naming := func(what, name string) error {
		path := filepath.Join(dir, "switchd.yaml")
		if err := os.WriteFile(path, []byte(what+": {file: "+name+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		return err
	}
	for name, want := range map[string]string{
		folder: "is a directory, expected a file", fifo: "is a FIFO, and nothing came through it",
		"/dev/zero": "is a device", filepath.Join(dir, "none"): "no such file",
	} {
		_, configuration := Load(name)
		_, key := ReadKey(name)
		_, authority := baseTLS("", &config.TLS{CA: name})
		_, certificate := baseTLS("", &config.TLS{Certificate: name, Key: name})
		for what, err := range map[string]error{
			"configuration": configuration, "key": key, "authority": authority, "certificate": certificate,
			"merchants": naming("merchants", name), "routes": naming("routes", name),
		} {
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %s: %v, want %q", what, name, err, want)
			}
		}
	}
}
