# Administration
nav-admin = 管理
admin-users = 账号
admin-jobs = 任务
admin-storage = 存储空间
problem-account-blocked = 这个账号已被停用，请联系本站管理员。
problem-admin-only = 只有管理员可以查看。
problem-admin-yourself = 这是你自己的账号，请由另一位管理员操作。

admin-find = 查找账号
admin-users-none = 没有这个名字的账号
admin-users-all = 全部账号
admin-role-admin = 管理员
admin-blocked = 已停用
admin-blocked-since = { $date }停用
admin-held = { $videos }，{ $bytes }
admin-own = 这是你自己
admin-reset = 重置密码
admin-block = 停用
admin-unblock = 恢复使用
admin-done-blocked = 账号已停用，并已在所有设备上退出。
admin-done-unblocked = 账号可以重新登录了。

admin-block-title = 停用 { $name }？
admin-block-text = 账号将无法登录，已登录的设备会立即退出。视频和评论会保留。
admin-block-go = 停用这个账号
admin-unblock-title = 恢复 { $name }？
admin-unblock-text = 账号可以用原来的密码重新登录。
admin-unblock-go = 恢复这个账号
admin-reset-title = 为 { $name } 重置密码？
admin-reset-text = 当前密码立即失效，已登录的设备也会退出。新密码只显示一次，请转交给对方。
admin-reset-go = 生成新密码
admin-password-title = 新密码
admin-password-text = { $name } 从现在起用这个密码登录。
admin-password-hint = 仅显示这一次。请用安全的方式转交；对方登录后可以在设置中修改。
admin-password-done = 我已记下

# Jobs
admin-jobs-none = 没有正在进行的任务，也没有失败的任务
admin-jobs-open = 进行中和排队中
admin-jobs-failed = 失败
admin-more = 显示更多
admin-job-queued = 排队中
admin-job-leased = 进行中
admin-job-waiting = 等待子任务
admin-job-worker = 主机：{ $name }
admin-encoder-log = 编码器的输出
admin-tries = { $n ->
   *[other] 尝试了 { $shown } 次
  }
job-arriving = 上传中预检
job-probe = 检查文件
job-sound = 音频
job-copy = 复制画面
job-package = 封装
job-first-rung = 首个版本
job-ladder = 更多清晰度
job-span = 更多清晰度（其中一段）
job-join = 合并各段
job-poster = 封面图
job-fallback = 旧浏览器版本
job-storyboard = 预览图
job-texts = 字幕和章节
job-loudness = 响度测量
job-sounds = 其他音轨
job-purge = 彻底删除

# Disk
admin-disk = 存储空间
admin-bucket = 存储桶中的内容
admin-sources = 上传的原文件
admin-other = 其他
admin-other-hint = “其他”包括为播放生成的版本，以及同一磁盘上其他程序的文件。
admin-free = 可用
admin-free-of = { $free }，共 { $total }
admin-keep = 预留空间
admin-reserved = 上传占用
admin-full = 磁盘已达上限，腾出空间后才能继续接收上传。

# Site
admin-site = 站点
admin-site-name = 站点名称
admin-site-saved = 设置已保存，立即生效。
admin-from-default = 默认值，尚未修改。
admin-from-stored = 在此页面或初始设置时设定。
admin-from-configuration = 由配置文件设定。
admin-registration-configured = 配置中 accounts.registration 为 closed，因此不能在这里开放注册。
