package manpage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"switchyard/internal/infile"
)

// Command is the command man of a program, by which its pages are written. Its help does not list it: it is for who
// makes packages.
func Command() *cobra.Command {
	var example string
	cmd := &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages of all commands",
		Hidden: true,
		Long: `Write the manual pages of all commands into the folder man1 of DIR, which are made where they are not there.
With --example the page of the configuration goes into man5, under the name of that file.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			date, err := Date()
			if err != nil {
				return err
			}
			root := cmd.Root()
			pages := OfCommands(root, date)
			if example != "" {
				text, err := infile.Read(example, infile.MaxConfig)
				if err != nil {
					return fmt.Errorf("--example: %w", err)
				}
				pages = append(pages, OfConfig(filepath.Base(example), root.Name(), string(text), date))
			}
			return Write(args[0], pages)
		},
	}
	cmd.Flags().StringVar(&example, "example", "", "configuration `file` that has every key")
	return cmd
}

// Write writes pages into the folders of their sections below dir, for everybody to read.
func Write(dir string, pages []Page) error {
	const forAll, foldersForAll = 0o644, 0o755
	for _, p := range pages {
		folder := filepath.Join(dir, fmt.Sprintf("man%d", p.Section))
		name := filepath.Join(folder, fmt.Sprintf("%s.%d", p.Name, p.Section))
		err := os.MkdirAll(folder, foldersForAll)
		if err == nil {
			err = os.WriteFile(name, []byte(p.Text), forAll)
		}
		if err == nil { // whatever the umask of the program
			err = errors.Join(os.Chmod(folder, foldersForAll), os.Chmod(name, forAll))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
