# Administration
nav-admin = Administration
admin-users = Accounts
admin-jobs = Jobs
admin-storage = Storage
problem-account-blocked = This account is blocked. Ask an administrator of this site.
problem-admin-only = Only administrators may see this.
problem-admin-yourself = This is your own account. Ask another administrator to do this.

admin-find = Find an account
admin-users-none = No account has this name
admin-users-all = All accounts
admin-role-admin = Administrator
admin-blocked = Blocked
admin-blocked-since = blocked on { $date }
admin-held = { $videos }, { $bytes }
admin-own = This is you
admin-reset = Reset password
admin-block = Block
admin-unblock = Unblock
admin-done-blocked = The account is blocked and signed out everywhere.
admin-done-unblocked = The account can sign in again.

admin-block-title = Block { $name }?
admin-block-text = The account can no longer sign in, and all its sessions end immediately. Its videos and comments stay.
admin-block-go = Block this account
admin-unblock-title = Unblock { $name }?
admin-unblock-text = The account can sign in again with its password.
admin-unblock-go = Unblock this account
admin-reset-title = Reset the password of { $name }?
admin-reset-text = The current password stops working, and all sessions of the account end immediately. The new password is shown to you once, so that you can pass it on.
admin-reset-go = Reset password
admin-password-title = The new password
admin-password-text = { $name } signs in with this password from now on.
admin-password-hint = Shown only once. Pass it on securely. It can be changed in Settings after signing in.
admin-password-done = I have saved it

# Jobs
admin-jobs-none = No job is running, and none has failed
admin-jobs-open = Running and waiting
admin-jobs-failed = Failed
admin-more = Show more
admin-job-queued = Waiting
admin-job-leased = Running
admin-job-waiting = Waiting for its parts
admin-job-worker = on { $name }
admin-encoder-log = What the encoder said
admin-tries = { $n ->
    [one] { $shown } attempt
   *[other] { $shown } attempts
  }
job-arriving = Early look
job-probe = Checking the file
job-sound = Audio
job-copy = Copying
job-package = Packaging
job-first-rung = First version
job-ladder = Other qualities
job-span = Other qualities, one part
job-join = Joining the parts
job-poster = Cover image
job-fallback = Version for old browsers
job-storyboard = Preview pictures
job-texts = Subtitles and chapters
job-loudness = Loudness
job-sounds = Other sound tracks
job-purge = Permanent deletion

# Disk
admin-disk = Storage
admin-bucket = In the bucket
admin-sources = Uploaded files
admin-other = Other
admin-other-hint = Other includes playback versions and other files on this disk.
admin-free = Free
admin-free-of = { $free } of { $total }
admin-keep = Kept free
admin-reserved = Reserved for uploads
admin-full = The disk has reached its limit. Free some space to accept uploads again.

# Site
admin-site = Site
admin-site-name = Site name
admin-site-saved = The settings are saved and apply immediately.
admin-from-default = Default value.
admin-from-stored = Set here or during setup.
admin-from-configuration = Set in the configuration.
admin-registration-configured = accounts.registration is “closed” in the configuration, so sign-up cannot be opened here.
