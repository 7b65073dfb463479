package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"gyro/api/client"
)

const (
	officeUsers = "/office/v1/users"
	officeKeys  = "/office/v1/api-keys"
)

// newAccessCommand builds "gyro access": who may do what in the office.
func newAccessCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "access", Short: "Who may do what in the office: users and API keys",
		Long: `Users are people, who log in with a password; keys are for programs. Both have roles: sales, finance, marketing, care,
network, administrator. Only an administrator may use these commands.`,
	}
	r := newOfficeRemote()
	r.flags(cmd)
	user := &cobra.Command{Use: "user", Short: "People who log in with a password"}
	user.AddCommand(newUserListCommand(r), newUserAddCommand(r), newUserPasswordCommand(r), newUserRolesCommand(r),
		newUserChangeCommand(r, "disable", "Let a user in no more, and end the sessions", map[string]any{"status": "disabled"}),
		newUserChangeCommand(r, "enable", "Let a disabled user in again", map[string]any{"status": "active"}),
		newUserChangeCommand(r, "unlock", "Forget wrong passwords, so that nobody waits for the next attempt", map[string]any{"unlock": true}))
	key := &cobra.Command{Use: "key", Short: "API keys of programs"}
	key.AddCommand(newKeyListCommand(r), newKeyAddCommand(r),
		newKeyChangeCommand(r, "rotate NAME", "Give a key a new secret; the one before is good for a day", client.Post, "rotate"),
		newKeyChangeCommand(r, "revoke NAME", "End a key at once", client.Delete))
	rejectUnknown(user)
	rejectUnknown(key)
	cmd.AddCommand(user, key)
	return cmd
}

func newUserListCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the users", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.items(cmd, officeUsers, column{"NAME", "name"}, column{"ROLES", "roles"}, column{"STATUS", "status"},
				column{"WRONG PASSWORDS", "wrongPasswords"}, column{"CREATED", "createdAt"})
		},
	}
}

func newUserAddCommand(r *remote) *cobra.Command {
	var roles []string
	var file string
	cmd := &cobra.Command{
		Use: "add NAME --roles ROLE,ROLE", Short: "Make a user, who must change the password at first", Args: cobra.ExactArgs(1),
		Example: "  gyro access user add ada --roles care,sales",
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := readPassword(cmd, file)
			if err != nil {
				return err
			}
			return r.do(cmd, &client.Request{
				Method: client.Post, Path: officeUsers, Body: map[string]any{"name": args[0], "password": password, "roles": roles},
			})
		},
	}
	cmd.Flags().StringSliceVar(&roles, "roles", nil, "`roles` of the user")
	cmd.Flags().StringVar(&file, "password-file", "", "`file` with the password; without it, it is asked for, or read from standard input")
	return cmd
}

func newUserPasswordCommand(r *remote) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "password NAME", Short: "Set a user's password, who must change it then", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := readPassword(cmd, file)
			if err != nil {
				return err
			}
			return r.do(cmd, &client.Request{
				Method: client.Post, Path: officeUsers + client.Path(args[0], "password"), Body: map[string]any{"password": password},
			})
		},
	}
	cmd.Flags().StringVar(&file, "password-file", "", "`file` with the password; without it, it is asked for, or read from standard input")
	return cmd
}

func newUserRolesCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "roles NAME ROLE...", Short: "Give a user other roles, and end the sessions", Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.do(cmd, &client.Request{Method: client.Patch, Path: officeUsers + client.Path(args[0]), Body: map[string]any{"roles": args[1:]}})
		},
	}
}

func newUserChangeCommand(r *remote, verb, short string, change map[string]any) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.do(cmd, &client.Request{Method: client.Patch, Path: officeUsers + client.Path(args[0]), Body: change})
		},
	}
}

func newKeyListCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the API keys, revoked ones too", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.items(cmd, officeKeys, column{"NAME", "name"}, column{"ROLES", "roles"}, column{"STATUS", "status"},
				column{"EXPIRES", "expiresAt"}, column{"LAST USED", "lastUsedAt"}, column{"CREATED BY", "createdBy"}, column{"OWNER", "owner"})
		},
	}
}

func newKeyAddCommand(r *remote) *cobra.Command {
	var roles []string
	var expires string
	cmd := &cobra.Command{
		Use: "add NAME --roles ROLE,ROLE", Short: "Make an API key; its secret is shown once", Args: cobra.ExactArgs(1),
		Example: "  gyro access key add webshop --roles sales --expires 2027-12-31T00:00:00Z",
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{"name": args[0], "roles": roles}
			if expires != "" {
				body["expiresAt"] = expires
			}
			return r.do(cmd, &client.Request{Method: client.Post, Path: officeKeys, Body: body})
		},
	}
	cmd.Flags().StringSliceVar(&roles, "roles", nil, "`roles` of the key")
	cmd.Flags().StringVar(&expires, "expires", "", "last `moment` of the key (default: in a year)")
	return cmd
}

func newKeyChangeCommand(r *remote, use, short, method string, below ...string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.do(cmd, &client.Request{Method: method, Path: officeKeys + client.Path(append(args, below...)...)})
		},
	}
}

// readPassword reads a password from a file, from a terminal without showing it,
// or from the first line of standard input. It has no flag, for flags can be seen
// in the list of processes.
func readPassword(cmd *cobra.Command, file string) (string, error) {
	if file != "" {
		return secretFrom("--password-file", file)
	}
	if in, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		fmt.Fprint(cmd.ErrOrStderr(), "Password: ")
		text, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		return string(text), err
	}
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("no password: give it in --password-file, or on standard input")
	}
	return line, nil
}
